"""Weights from other implementations of pix2pix, and back.

A table of slots says which tensor of a PyTorch checkpoint is which variable here; it
serves recognition, import and export alike. Nothing here imports PyTorch but `torch_files`.
"""
