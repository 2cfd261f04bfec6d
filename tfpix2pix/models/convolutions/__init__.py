"""Convolutions that are fast on CPUs too, with Keras' own weights, names and results."""

from tfpix2pix.models.convolutions.layers import Conv2D, Conv2DTranspose
from tfpix2pix.models.convolutions.spectral import SpectralConv2D, SpectralConv2DTranspose

__all__ = ["Conv2D", "Conv2DTranspose", "SpectralConv2D", "SpectralConv2DTranspose"]
