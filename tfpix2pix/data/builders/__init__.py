"""TFDS builders of paired images; import one to register it with `tfds.load`."""
