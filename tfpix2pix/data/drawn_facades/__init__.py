"""Drawn facades: house fronts as (label map, photo) pairs, drawn by numpy from a seed.

Label maps hold the 12 colours of the CMP facade palette; photos are rendered so that they can
mostly be predicted from their label map, which makes the set a small, honest stand-in for the
real facades where nothing may be downloaded. All images are uint8 RGB, [H, W, 3].
"""

from tfpix2pix.data.drawn_facades.pair import draw_pair
from tfpix2pix.data.drawn_facades.palette import PALETTE

__all__ = ["PALETTE", "draw_pair"]
