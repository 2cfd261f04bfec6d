"""Light on a facade: sun from the upper left, blue light from the sky, soft corners.

Colour is float32 RGB [H, W, 3] in [0, 1], relief float32 [H, W] in pixels above the wall.
"""

import numpy as np

SUN = np.array((0.72, 0.68, 0.60), dtype=np.float32)
SKYLIGHT = np.array((0.36, 0.39, 0.45), dtype=np.float32)
REACH = 7  # pixels; the longest shadow that is looked for
FALL = 0.8  # by how much a sun ray sinks towards the wall for each row it goes down
SIDEWAYS = 0.6  # columns that a ray goes right for each row it goes down


def light(colour: np.ndarray, relief: np.ndarray) -> np.ndarray:
    """Returns the lit colour, [H, W, 3]."""
    sunlit = 1 - 0.85 * blur(cast_shadow(relief))
    edges = np.clip(relief - _moved(relief, 1, 1), -1, 1)
    # Deep corners see less of the sky: the lower a pixel lies below its surroundings.
    corners = np.clip(blur(relief, 4) - relief, 0, 4)
    skylight = 1 - 0.07 * corners
    shade = sunlit * (1 + 0.10 * edges)
    return colour * (shade[..., None] * SUN + skylight[..., None] * SKYLIGHT)


def cast_shadow(relief: np.ndarray) -> np.ndarray:
    """Follows each pixel's ray towards the sun: 0 in the light, 1 in full shadow, [H, W]."""
    shadow = np.zeros_like(relief)
    for down in range(1, REACH + 1):
        blocker = _moved(relief, down, round(SIDEWAYS * down))
        np.maximum(shadow, blocker - relief - FALL * down + 0.5, out=shadow)
    return np.clip(shadow, 0, 1)


def blur(image: np.ndarray, times: int = 1) -> np.ndarray:
    """Smooths rows and columns with (1, 2, 1) / 4, `times` over; edges are repeated."""
    for _ in range(times):
        for axis in (0, 1):
            sides = [(1, 1) if dim == axis else (0, 0) for dim in range(image.ndim)]
            padded = np.moveaxis(np.pad(image, sides, mode="edge"), axis, 0)
            smooth = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
            image = np.moveaxis(smooth, 0, axis)
    return image


def _moved(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """Moves the image down and right, repeating its top row and left column."""
    moved = np.pad(image, ((down, 0), (right, 0)), mode="edge")
    return moved[: image.shape[0], : image.shape[1]]
