"""pix2pix in TensorFlow and Keras."""
