"""What scenes are painted with: backgrounds, strokes, textures, ink. Integer arithmetic only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ovlab.generators._draw import Draw
from ovlab.generators._raster import resize_cubic

Image = NDArray[np.uint8]
Mask = NDArray[np.uint8]

# Ink of a digit below the first level is paper, above the second it is solid; between them the edge is soft.
_PAPER, _SOLID = 70, 170
_CURVE_STEPS = 128


def background(draw: Draw, height: int, width: int) -> Image:
    """Paint a smooth, uneven, noisy surface.

    Parameters
    ----------
    draw : Draw
        Where the random numbers come from.
    height, width : int
        Size in pixels.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
        RGB.
    """
    base = np.array([draw.integer(35, 220) for _ in range(3)])
    # Pull the channels together: real surfaces are rarely of a pure colour.
    base = (base + base.mean().astype(np.int64)) // 2
    rows, columns = draw.integer(2, 6), draw.integer(2, 6)
    cells = base + (draw.bytes(rows, columns, 3).astype(np.int64) - 128) * draw.integer(10, 60) // 128
    surface = resize_cubic(np.clip(cells, 0, 255), height, width).astype(np.int32)
    grain = draw.integer(12, 40)
    texture = resize_cubic(draw.bytes(grain, grain), height, width).astype(np.int32) - 128
    noise = draw.bytes(height, width).astype(np.int32) - 128
    shade = (texture * draw.integer(0, 32) + noise * draw.integer(0, 20)) // 128
    return np.clip(surface + shade[..., None], 0, 255).astype(np.uint8)


def colour(draw: Draw) -> NDArray[np.int64]:
    """Draw any colour as three integers 0..255."""
    return np.array([draw.integer(0, 255) for _ in range(3)], dtype=np.int64)


def contrasting_colour(draw: Draw, under: Image) -> NDArray[np.int64]:
    """Draw a colour that is darker or lighter than what lies under it by 60 to 190 grey levels on average.

    Parameters
    ----------
    draw : Draw
        Where the random numbers come from.
    under : ndarray of uint8, shape (h, w, 3)
        What will be painted over.

    Returns
    -------
    ndarray of int64, shape (3,)
        RGB, 0..255.
    """
    level = int(under.sum(dtype=np.int64)) // under.size
    difference = draw.integer(60, 190)
    lighter, darker = level + difference, level - difference
    sides = [side for side in (lighter, darker) if 0 <= side <= 255] or [255 if level < 128 else 0]
    chosen = sides[draw.integer(0, len(sides) - 1)]
    tint = np.array([draw.integer(-40, 40) for _ in range(3)])
    ink: NDArray[np.int64] = np.clip(chosen + tint - tint.sum() // 3, 0, 255).astype(np.int64)
    return ink


def blend(image: Image, top: int, left: int, mask: Mask, ink: NDArray[np.int64]) -> None:
    """Paint one colour through a mask, in place; what falls outside of the image is dropped.

    Parameters
    ----------
    image : ndarray of uint8, shape (h, w, 3)
        The picture.
    top, left : int
        Where the mask's first pixel lies; may be negative.
    mask : ndarray of uint8, shape (mh, mw)
        Opacity, 0..255.
    ink : ndarray of int, shape (3,)
        RGB.
    """
    rows, columns = visible(image.shape[0], top, mask.shape[0]), visible(image.shape[1], left, mask.shape[1])
    area = image[rows, columns]
    opacity = mask[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left, None].astype(
        np.int64
    )
    area[:] = (area * (255 - opacity) + ink * opacity + 127) // 255


def visible(size: int, start: int, length: int) -> slice:
    """Give the part of ``start .. start + length`` that lies in ``0 .. size``."""
    return slice(min(max(start, 0), size), max(min(start + length, size), 0))


def stroke(draw: Draw, height: int, width: int) -> tuple[int, int, Mask]:
    """Draw a bent line of even thickness, somewhere in a picture: pen marks that are no digit.

    Parameters
    ----------
    draw : Draw
        Where the random numbers come from.
    height, width : int
        The picture's size.

    Returns
    -------
    top, left : int
        Where the mask's first pixel lies in the picture; may be negative.
    mask : ndarray of uint8, shape (h, w)
        Opacity, 0 or 255.
    """
    radius = draw.integer(1, 2 + min(height, width) // 60)
    reach = min(height, width) // draw.integer(2, 8)
    middle = np.array([draw.integer(0, height - 1), draw.integer(0, width - 1)])
    ends = np.array([[draw.integer(-reach, reach) for _ in range(2)] for _ in range(3)])
    steps = np.arange(_CURVE_STEPS + 1)[:, None]
    rest = _CURVE_STEPS - steps
    # A quadratic Bezier curve, stamped with discs.
    curve = (rest * rest * ends[0] + 2 * steps * rest * ends[1] + steps * steps * ends[2]) // _CURVE_STEPS**2
    corner = curve.min(axis=0)
    tall, broad = curve.max(axis=0) - corner + 2 * radius + 1
    offsets = np.arange(-radius, radius + 1)
    disc = np.where(offsets**2 + offsets[:, None] ** 2 <= radius**2, 255, 0).astype(np.uint8)
    mask = np.zeros((tall, broad), dtype=np.uint8)
    for y, x in np.unique(curve - corner, axis=0):
        area = mask[y : y + len(disc), x : x + len(disc)]
        np.maximum(area, disc, out=area)
    top, left = (middle + corner - radius).tolist()
    return top, left, mask


def hatching(draw: Draw, height: int, width: int) -> Mask:
    """Draw the opacity of a striped or checked patch.

    Parameters
    ----------
    draw : Draw
        Where the random numbers come from.
    height, width : int
        The patch's size.

    Returns
    -------
    ndarray of uint8, shape (height, width)
        Two levels.
    """
    x, y = np.arange(width), np.arange(height)[:, None]
    period = draw.integer(3, 16)
    lines = (x * draw.integer(-2, 2) + y * draw.integer(1, 2)) // period % 2
    if draw.chance(30):
        lines = lines ^ (x // period % 2)
    return np.where(lines == 1, draw.integer(40, 200), draw.integer(0, 40)).astype(np.uint8)


def digit_mask(digit: Image, height: int, width: int, slant: int) -> Mask:
    """Enlarge a digit, lean it, sharpen its edge and cut off the empty margin.

    Parameters
    ----------
    digit : ndarray of uint8, shape (8, 8)
        White on black.
    height, width : int
        Size of the enlarged 8 x 8 field before the cut.
    slant : int
        How far the top moves to the right against the bottom, in hundredths of the height; may be negative.

    Returns
    -------
    ndarray of uint8, shape (h, w)
        Opacity, 0..255; each edge row and column holds at least one pixel of 128 or more.
    """
    large = resize_cubic(digit, height, width).astype(np.int32)
    shifts = [slant * (height - 1 - 2 * row) // 200 for row in range(height)]
    margin = max(abs(shift) for shift in shifts)
    leaning = np.zeros((height, width + 2 * margin), dtype=np.int32)
    for row, shift in enumerate(shifts):
        leaning[row, margin + shift : margin + shift + width] = large[row]
    opacity = np.clip((leaning - _PAPER) * 255 // (_SOLID - _PAPER), 0, 255).astype(np.uint8)
    solid = opacity >= 128
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    return opacity[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
