"""Clients of an exported model on a server; nothing here needs TensorFlow."""
