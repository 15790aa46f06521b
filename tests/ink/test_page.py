from __future__ import annotations

import numpy as np
import pytest

from tests.ink.made import word
from unspool.data.pen.strokes import Strokes
from unspool.errors import DataError, SpecError
from unspool.ink.options import Page
from unspool.ink.page import Sheet, check_room, lay_out, lay_out_pages

# 100 mm between the margins, letters of 2 mm in lines of 10 mm, the first baseline 6 mm below the margin
PAGE = Page(size="120x80", margin=10, letter=2)


def left(sheet: Sheet, stroke: int) -> float:
    return float(sheet.strokes[stroke][:, 0].min())


def right(sheet: Sheet, stroke: int) -> float:
    return float(sheet.strokes[stroke][:, 0].max())


def test_a_piece_stands_at_the_margin_on_its_baseline_wherever_it_was() -> None:
    for x in (0.0, -7.0, 1e6):
        sheet = lay_out([[word(x=x)]], PAGE)
        assert (sheet.width, sheet.height) == (120, 80)
        expected = (word().points * 2) + [10, 80 - 10 - 6]
        np.testing.assert_allclose(np.concatenate(sheet.strokes), expected, atol=1e-6)


def test_pieces_stand_beside_each_other_until_one_does_not_fit() -> None:
    # 3 pieces of 30 mm and 2 gaps of 4 mm fit into 100 mm, a fourth does not
    sheet = lay_out([[word(15)] * 4, [word(15)]], PAGE)
    assert [left(sheet, stroke) for stroke in range(0, 15, 3)] == pytest.approx([10, 44, 78, 10, 10])
    assert [sheet.strokes[stroke][0, 1] for stroke in range(1, 15, 3)] == pytest.approx([66.4, 66.4, 66.4, 56.4, 46.4])


def test_a_row_may_be_filled_to_the_margin() -> None:
    sheet = lay_out([[word(24), word(24)]], PAGE)  # 48 + 4 + 48
    assert right(sheet, 3) == pytest.approx(110)
    assert sheet.strokes[1][0, 1] == sheet.strokes[4][0, 1]


def test_an_empty_line_takes_the_place_of_one() -> None:
    sheet = lay_out([[word()], [], [word()]], PAGE)
    assert sheet.strokes[1][0, 1] - sheet.strokes[4][0, 1] == pytest.approx(20)
    assert sheet.texts == ("word", None, "word")


@pytest.mark.parametrize("lines", [[], [[]], [[], []]])
def test_no_handwriting_is_an_empty_page(lines: list[list[Strokes]]) -> None:
    assert lay_out(lines, PAGE).strokes == ()
    assert lay_out(lines, Page(size="fit", margin=3)).strokes == ()


@pytest.mark.parametrize(("text", "direction"), [("שלום", "auto"), ("1) سلام", "auto"), ("abc", "rtl")])
def test_lines_from_right_to_left_begin_at_the_right(text: str, direction: str) -> None:
    page = Page(size="120x80", margin=10, letter=2, direction=direction)
    sheet = lay_out([[word(15, text), word(20, text)]], page)
    assert right(sheet, 0) == pytest.approx(110)
    assert right(sheet, 3) == pytest.approx(110 - 30 - 4)


@pytest.mark.parametrize(("text", "direction"), [("שלום", "ltr"), ("abc שלום", "auto"), (None, "auto"), ("12", "auto")])
def test_all_others_begin_at_the_left(text: str | None, direction: str) -> None:
    sheet = lay_out([[word(15, text)]], Page(size="120x80", margin=10, direction=direction))
    assert left(sheet, 0) == pytest.approx(10)


def test_letters_shrink_so_that_the_widest_piece_fits() -> None:
    page = Page(size="120x80", margin=10)
    assert right(lay_out([[word(8)]], page), 0) == pytest.approx(10 + 8 * 2.5)
    sheet = lay_out([[word(8)], [word(200)]], page)
    assert (right(sheet, 0), right(sheet, 3)) == pytest.approx((10 + 8 * 0.5, 110))
    assert sheet.pen == pytest.approx(0.5 / 6)


def test_letters_shrink_so_that_a_line_is_not_too_high() -> None:
    (sheet,) = lay_out_pages([[word(8)]], Page(size="120x20", margin=5))
    assert right(sheet, 0) == pytest.approx(5 + 8 * 2)  # 10 mm between the margins for a line of five letters


def test_a_page_without_room_for_a_line_is_known_before_its_text() -> None:
    for page in (Page(), Page(size="fit", letter=500), Page(size="120x20", margin=5), Page(letter=51.4)):
        check_room(page)
    for page, told in (
        (Page(letter=500), "a line must fit on the page, but one of 2.5e.03 mm is higher than the 257 mm between the"),
        (Page(size="50x20", margin=5, letter=30), "150 mm is higher than the 10 mm .*; choose smaller letters or a"),
        (Page(size="50x20", margin=5, line_height=60), "12 mm is higher than the 10 mm"),
    ):
        with pytest.raises(SpecError, match=told):
            check_room(page)


def test_a_page_may_be_as_large_as_its_lines() -> None:
    sheet = lay_out([[word(8), word(10)], [word(4)]], Page(size="fit", margin=5, letter=2))
    assert (sheet.width, sheet.height) == pytest.approx((20 * 2 + 10, 2 * 10 + 10))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([[word(51)]], "a piece of handwriting must fit between the margins, 100 mm, but one is 102 mm wide"),
        ([[word()]] * 7, "the lines must fit on the page, but 7 of 10 mm are higher than the 60 mm between"),
    ],
)
def test_what_does_not_fit_is_refused(lines: list[list[Strokes]], told: str) -> None:
    with pytest.raises(SpecError, match=told):
        lay_out(lines, PAGE)


@pytest.mark.parametrize("page", [PAGE, Page(), Page(size="fit"), Page(direction="rtl")])
@pytest.mark.parametrize("huge", [1e5, 1e300, 1.7e308])
def test_huge_coordinates_are_refused(page: Page, huge: float) -> None:
    with pytest.raises(DataError, match="all ink must lie on the page, but a point lies at"):
        lay_out([[Strokes.of([[[0, 0], [1, huge]]])]], page)
    with pytest.raises(SpecError, match="a piece of handwriting must fit"):
        lay_out([[word(), Strokes.of([[[-huge, 0], [huge, 1]]])]], page)


def test_lines_go_on_from_page_to_page() -> None:
    """Letters are of one size, and a paragraph says on each page what stands there."""
    page = Page(size="100x60", margin=5, letter=2, line_height=10)  # two rows of 45 sizes a page
    lines = [[word(40.0, "a"), word(40.0, "b"), word(40.0, "c")], [], [word(40.0, "d")]]
    sheets = lay_out_pages(lines, page)
    assert [sheet.texts for sheet in sheets] == [("a b",), ("c", None), ("d",)]
    assert [len(sheet.strokes) for sheet in sheets] == [6, 3, 3]
    assert {(sheet.width, sheet.height, sheet.pen) for sheet in sheets} == {(100.0, 60.0, 2 / 6)}
    for sheet in sheets:
        np.testing.assert_allclose(sheet.strokes[0], sheets[0].strokes[0])
    # an empty line at the top of a page is left out
    gap = lay_out_pages([[word(text="a")], [word(text="b")], [], [word(text="c")]], page)
    assert [sheet.texts for sheet in gap] == [("a", "b"), ("c",)]
    assert len(lay_out_pages([], page)) == 1
    with pytest.raises(SpecError, match="must fit on the page"):
        lay_out_pages(lines, Page(size="100x60", margin=25, letter=1, line_height=11, word_gap=0))


def test_pages_hold_what_runs_over_their_edge_no_more() -> None:
    astray = Strokes.of([[[0.0, 0.0], [1.0, -50.0], [2.0, 1.0], [3.0, 1.0]], [[1.0, 99.0]]], text="astray")
    page = Page(size="60x40", margin=5, letter=2)
    with pytest.raises(DataError, match="must lie on the page"):
        lay_out([[astray]], page)
    (sheet,) = lay_out_pages([[astray]], page)
    assert [len(stroke) for stroke in sheet.strokes] == [1, 2] and sheet.beyond == 2


def test_pages_set_a_piece_that_is_wider_than_the_room_smaller() -> None:
    (sheet,) = lay_out_pages([[word(8)], [word(100, x=3.0), word(8)]], PAGE)
    assert sheet.narrowed == 1
    assert (left(sheet, 3), right(sheet, 3)) == pytest.approx((10, 110))  # as wide as the room
    assert (left(sheet, 6), right(sheet, 6)) == pytest.approx((10, 26))  # what follows begins a row, as tall as before
    assert sheet.strokes[3][:, 1].min() == pytest.approx(80 - 10 - 16)  # on its baseline
    (back,) = lay_out_pages([[word(100)]], Page(size="120x80", margin=10, letter=2, direction="rtl"))
    assert (left(back, 0), right(back, 0)) == pytest.approx((10, 110))


def test_a_wide_line_among_many_does_not_shrink_the_others() -> None:
    page = Page(size="120x80", margin=10)
    (sheet,) = lay_out_pages([*[[word(50)]] * 5, [word(500)]], page)
    assert right(sheet, 0) == pytest.approx(10 + 50 * 0.2)  # of six, all decide
    first, last = lay_out_pages([*[[word(50)]] * 11, [word(500)]], page)
    assert right(first, 0) == pytest.approx(110)
    assert last.narrowed == 1 and right(last, len(last.strokes) - 3) == pytest.approx(110)


def test_what_fills_a_page_to_its_edge_lies_on_it() -> None:
    for width in np.linspace(20, 90, 50):
        (sheet,) = lay_out_pages([[word(width)]], Page(size="37.3x90", margin=0))
        assert sheet.beyond == 0
