"""Writes a set once in the form that is quickest to train on: what `tfpix2pix prepare` does."""
