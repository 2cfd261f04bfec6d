"""Clients of an exported model on a server, which need no TensorFlow; `local`: such a server."""
