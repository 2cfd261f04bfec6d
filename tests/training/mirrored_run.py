"""Trains as `tfpix2pix-train` does, on two devices where strategy mirrored is given.

A program of its own: the logical devices must be set up before TensorFlow starts. Arguments: those
of the command.
"""

import sys

import tensorflow as tf

from tfpix2pix.cli.main import train_main


def main() -> int:
    cpu = tf.config.list_physical_devices("CPU")[0]
    logical = [tf.config.LogicalDeviceConfiguration()] * 2
    tf.config.set_logical_device_configuration(cpu, logical)
    return train_main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
