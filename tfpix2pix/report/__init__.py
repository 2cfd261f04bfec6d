"""What an evaluation found, to look at and to send: a page, its JSON and figures. No TensorFlow."""
