from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from PIL import Image

from tests.ink.made import word
from unspool.data.pen.strokes import Strokes
from unspool.errors import MissingExtra, SpecError
from unspool.ink.options import Page
from unspool.ink.page import lay_out
from unspool.ink.png import check_png, png

DPI = 254  # ten pixels a millimetre


def picture(page: Page, *lines: list[Strokes]) -> Image.Image:
    return Image.open(io.BytesIO(png(lay_out(lines, page), page)))


def page(**options: object) -> Page:
    return Page(**{"size": "40x20", "margin": 2.0, "letter": 2.0, "dpi": DPI, **options})


def test_it_is_dark_where_the_pen_was_and_nowhere_else() -> None:
    chosen = page(pen=0.5)
    sheet = lay_out([[word(15)]], chosen)
    dark = 255 - np.asarray(Image.open(io.BytesIO(png(sheet, chosen))).convert("L"), dtype=np.float64)
    assert dark.shape == (200, 400)
    points = np.concatenate(sheet.strokes)
    columns, rows = (points * [1, -1] + [0, 20]).T * 10
    assert (dark[rows.astype(int), columns.astype(int)] == 255).all()
    y, x = np.mgrid[0:200, 0:400] + 0.5
    wave, bar, dot = sheet.strokes
    # the bar and the dot as they are, with the wave somewhere within its own bounds
    (ax, ay), (bx, by) = (bar * [1, -1] + [0, 20]) * 10
    share = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / ((bx - ax) ** 2 + (by - ay) ** 2), 0, 1)
    from_bar = np.hypot(x - ax - share * (bx - ax), y - ay - share * (by - ay))
    from_dot = np.hypot(x - dot[0, 0] * 10, y - (20 - dot[0, 1]) * 10)
    above = y < (20 - wave[:, 1].max()) * 10 - 4
    near = np.minimum(from_bar, from_dot)
    assert (dark[above & (near > 3.5)] == 0).all()
    assert (dark[above & (near < 1.5)] == 255).all()
    assert 0 < ((dark > 0) & (dark < 255)).sum(), "edges are between"


def test_a_dot_covers_the_area_of_its_pen() -> None:
    dark = 255 - np.asarray(picture(page(pen=2.0), [Strokes.of([[[0, 0]]])]).convert("L"), dtype=np.float64)
    assert dark.sum() / 255 == pytest.approx(np.pi * 10**2, rel=0.04)
    y, x = np.nonzero(dark > 127)
    assert (x.mean() + 0.5, y.mean() + 0.5) == pytest.approx((20, 80), abs=0.3)


def test_a_pen_finer_than_a_pixel_is_seen() -> None:
    dark = 255 - np.asarray(picture(page(pen=0.001), [Strokes.of([[[0, 0]]])]).convert("L"), dtype=np.float64)
    assert dark.max() > 50


def test_colours_and_transparent_paper() -> None:
    solid = picture(page(colour="#204080", paper="#fff0e0", pen=1.0), [word(15)])
    assert (solid.mode, solid.getpixel((0, 0))) == ("RGB", (255, 240, 224))
    assert (32, 64, 128) in {colour for _, colour in solid.getcolors()}
    clear = picture(page(colour="#204080", paper="none", pen=1.0), [word(15)])
    assert (clear.mode, clear.getpixel((0, 0))[3]) == ("RGBA", 0)
    assert {colour[:3] for _, colour in clear.getcolors()} == {(32, 64, 128)}
    assert clear.getextrema()[3] == (0, 255)


def test_it_knows_its_size_and_its_text() -> None:
    image = picture(page(margin=0.0), [word(4, "é\ud800")], [word(4, "two")])
    assert image.info["dpi"] == pytest.approx((DPI, DPI), abs=0.1)
    assert image.info["Title"] == "é?\ntwo"


def test_ink_at_the_edge_is_cut_by_it() -> None:
    chosen = Page(size="20x10", margin=0, letter=2, dpi=DPI, pen=3)
    dark = 255 - np.asarray(picture(chosen, [word(10)]).convert("L"))
    assert dark.shape == (100, 200)
    assert dark[:, 0].max() == 255


def test_an_empty_page_is_empty() -> None:
    assert picture(page()).getextrema() == ((255, 255),) * 3


def test_too_many_pixels_are_refused() -> None:
    chosen = Page(size="1000x1000", dpi=2400)
    with pytest.raises(SpecError, match=r"a PNG file may have 60 million pixels, but 1000x1000 at 2400 dpi has 8\d{3}"):
        png(lay_out([], chosen), chosen)
    with pytest.raises(SpecError, match=r"but a4 at 2400 dpi has 5\d\d million; choose fewer --dpi"):
        check_png(Page(dpi=2400))
    check_png(Page(size="fit", dpi=2400))


def test_without_pillow_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtra, match=r"^a PNG file needs pillow; pip install 'unspool\[pictures\]'$"):
        png(lay_out([], page()), page())
    with pytest.raises(MissingExtra, match=r"^a PNG file needs pillow"):
        check_png(Page(size="fit"))
