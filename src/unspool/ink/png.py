"""A page as PNG, through pillow where it is installed."""

from __future__ import annotations

import io
import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from unspool.data.pen.strokes import Points
from unspool.errors import MissingExtra, SpecError
from unspool.ink.curve import drawn
from unspool.ink.options import Page
from unspool.ink.page import Sheet

if TYPE_CHECKING:
    from PIL.Image import Image

FINER: Final = 4  # subpixels in a pixel, each way
PIXELS: Final = 60_000_000  # a4 at 600 dpi has 35 million
INCH: Final = 25.4  # mm


def check_png(page: Page) -> None:
    """Refuse a page of which `png` makes no file, as far as that is known without what stands on it.

    Raises:
        MissingExtra, SpecError: as of `png`.
    """
    try:
        import PIL.Image  # noqa: F401
    except ImportError as error:
        raise MissingExtra("a PNG file needs pillow; pip install 'unspool[pictures]'") from error
    if page.sides is not None:
        _pixels(page, *page.sides)


def png(sheet: Sheet, page: Page) -> bytes:
    """The file, antialiased; a pen finer than a pixel is drawn as wide as one, in full.

    Raises:
        MissingExtra: pillow is not installed.
        SpecError: the page has too many pixels.
    """
    check_png(page)
    from PIL import Image, ImageChops
    from PIL.PngImagePlugin import PngInfo

    scale = page.dpi / INCH
    ink = Image.new("L", _pixels(page, sheet.width, sheet.height))
    for points in sheet.strokes:
        way = drawn((points * [1, -1] + [0, sheet.height]) * scale, 1 / FINER)
        mask, corner = _stroke(way, max(sheet.pen * scale, 1.0))
        box = (*corner, corner[0] + mask.width, corner[1] + mask.height)
        ink.paste(ImageChops.lighter(ink.crop(box), mask), box)
    if page.ground is None:  # the pen's colour everywhere, how much of it in alpha
        picture = Image.new("RGB", ink.size, page.ink)
        picture.putalpha(ink)
    else:
        picture = Image.new("RGB", ink.size, page.ground)
        picture.paste(page.ink, mask=ink)
    known = PngInfo()
    known.add_itxt("Title", "\n".join(text or "" for text in sheet.texts).encode("utf-8", "replace").decode())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", dpi=(page.dpi, page.dpi), pnginfo=known)
    return buffer.getvalue()


def _pixels(page: Page, width: float, height: float) -> tuple[int, int]:
    """The sides of the picture of a page of so many mm."""
    columns, rows = (math.ceil(side * page.dpi / INCH) for side in (width, height))
    if columns * rows > PIXELS:
        raise SpecError(
            f"a PNG file may have {PIXELS // 10**6} million pixels, but {page.size} at {page.dpi} dpi has "
            f"{columns * rows // 10**6} million; choose fewer --dpi"
        )
    return columns, rows


def _stroke(way: Points, width: float) -> tuple[Image, tuple[int, int]]:
    """How much of each pixel a stroke covers, 0 to 255, around the stroke alone, and the upper left pixel of that.

    way: [n, 2] in pixels, y down. Each segment is a rectangle and each point a disc, so that ends and joins are round.
    """
    from PIL import Image, ImageDraw

    half = width / 2
    low = np.floor(way.min(axis=0) - half).astype(int) - 1
    sides = np.ceil(way.max(axis=0) + half).astype(int) + 1 - low
    image = Image.new("L", (int(sides[0]) * FINER, int(sides[1]) * FINER))
    canvas, fine, radius = ImageDraw.Draw(image), (way - low) * FINER - 0.5, half * FINER
    for (x, y), (u, v) in pairwise(fine):
        gap = math.hypot(u - x, v - y)
        if gap > 0:
            across, along = radius * (y - v) / gap, radius * (u - x) / gap
            canvas.polygon(
                [(x + across, y + along), (u + across, v + along), (u - across, v - along), (x - across, y - along)],
                fill=255,
            )
    for x, y in fine:
        canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
    return image.reduce(FINER), (int(low[0]), int(low[1]))
