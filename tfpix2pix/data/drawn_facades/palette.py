"""The 12 classes of the CMP facade data base and the colours pix2pix draws them in.

`PALETTE` is uint8 RGB [12, 3] in [0, 255], indexed by `Label`.
"""

import enum

import numpy as np


class Label(enum.IntEnum):
    """What a pixel of a label map shows; the order is that of the CMP data base."""

    BACKGROUND = 0  # sky, street and whatever stands behind the houses
    FACADE = 1  # walls, and, as CMP has no class for them, roofs and chimneys
    WINDOW = 2
    DOOR = 3
    CORNICE = 4
    SILL = 5
    BALCONY = 6
    BLIND = 7
    DECO = 8
    MOLDING = 9
    PILLAR = 10
    SHOP = 11


PALETTE = np.array(
    [
        (0, 0, 170),  # background
        (0, 0, 255),  # facade
        (0, 85, 255),  # window
        (0, 170, 255),  # door
        (0, 255, 255),  # cornice
        (85, 255, 170),  # sill
        (170, 255, 85),  # balcony
        (255, 255, 0),  # blind
        (255, 170, 0),  # deco
        (255, 85, 0),  # molding
        (255, 0, 0),  # pillar
        (170, 0, 0),  # shop
    ],
    dtype=np.uint8,
)
PALETTE.flags.writeable = False
