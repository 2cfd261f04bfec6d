"""What a block builds is gone after it; what was there before stays."""

import gc
import weakref

import keras
import tensorflow as tf

from tfpix2pix.ablation.forgetting import networks_forgotten
from tfpix2pix.models import unet_generator


def make_loss(generator):
    @tf.function
    def loss(image):
        return tf.reduce_sum(generator(image, training=True) ** 2)

    return loss


def network_and_graph():
    """Weak references to a network's graph and to one of its variables, after a step's work."""
    generator = unet_generator((32, 32), 3, 3, base_filters=2)
    loss = make_loss(generator)
    image = tf.zeros((1, 32, 32, 3))
    with tf.GradientTape() as tape:
        value = loss(image)
    tape.gradient(value, [v.value for v in generator.trainable_variables])
    variable = generator.trainable_variables[0].value
    return weakref.ref(loss.get_concrete_function(image).graph), weakref.ref(variable)


def test_graphs_and_variables_are_gone():
    with networks_forgotten():
        graph, variable = network_and_graph()
    assert graph() is None
    assert variable() is None


def test_tensorflow_alone_keeps_them():
    """Why this is needed; when it fails, TensorFlow has mended it and the module can go."""
    with networks_forgotten():
        graph, _ = network_and_graph()
        keras.utils.clear_session()
        gc.collect()
        assert graph() is not None


def test_earlier_networks_can_still_be_differentiated():
    generator = unet_generator((32, 32), 3, 3, base_filters=2)
    concrete = make_loss(generator).get_concrete_function(tf.TensorSpec((1, 32, 32, 3)))
    with networks_forgotten():
        network_and_graph()
    with tf.GradientTape() as tape:
        value = concrete(tf.ones((1, 32, 32, 3)))
    gradients = tape.gradient(value, [v.value for v in generator.trainable_variables])
    assert all(bool(tf.reduce_any(gradient != 0)) for gradient in gradients[:1])
