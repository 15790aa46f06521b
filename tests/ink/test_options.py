from __future__ import annotations

import pytest

from unspool.errors import SpecError
from unspool.ink.options import Page


def test_sizes_have_sides() -> None:
    assert Page().sides == (210.0, 297.0)
    assert Page(size="letter").sides == (215.9, 279.4)
    assert Page(size="100x62.5").sides == (100.0, 62.5)
    assert Page(size="fit").sides is None
    assert (Page(size="A4").sides, Page(size="Fit").sides, Page(size="100X62.5").sides) == (
        *(Page().sides, None, (100.0, 62.5)),
    )


def test_colours_are_one_kind_of_number() -> None:
    assert (Page(colour="#AbCdEf").ink, Page(colour="black").ink) == ("#abcdef", "#000000")
    assert (Page(paper="none").ground, Page().ground) == (None, "#ffffff")
    assert (Page(colour="Blue").ink, Page(paper="None").ground, Page(paper="WHITE").ground) == (
        *(Page(colour="blue").ink, None, "#ffffff"),
    )


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"size": "a3"}, "--size must be a4, letter, fit or WIDTHxHEIGHT of 1 to 10000 mm, got 'a3'; try 148x210"),
        ({"size": "0x10"}, "--size must be"),
        ({"size": "10x99999"}, "--size must be"),
        ({"margin": 105.0}, "--margin must leave room on the page, got 105 mm on a4; choose less than 105"),
        ({"margin": 5000.0, "size": "fit"}, "--margin must leave room on the page"),
        ({"margin": -1.0}, "--margin must be at least 0, got -1.0"),
        ({"letter": 0.1}, "--letter must be at least 0.2, got 0.1"),
        ({"line_height": 0.0}, "--line-height must be above 0"),
        ({"pen": 0.0}, "--pen must be above 0"),
        ({"pen": float("nan")}, "--pen must be a finite number"),
        ({"colour": "mauve"}, "--colour must be black, blue, .* or #RRGGBB, got 'mauve'; choose one of them"),
        ({"colour": "none"}, "--colour must be black"),
        ({"paper": "red;"}, "--paper must be none, black"),
        ({"direction": "up"}, "--direction must be one of 'auto', 'ltr', 'rtl', got 'up'"),
        ({"svg": "wavy"}, "--svg must be one of 'smooth', 'straight', 'plotter', got 'wavy'"),
        ({"seconds": 0.0}, "--seconds must be above 0"),
        ({"seconds": 3.0, "svg": "plotter"}, "--seconds needs a picture, but --svg plotter is for machines"),
        ({"paper": "red", "svg": "plotter"}, "--paper needs a picture, but --svg plotter is for machines"),
        ({"dpi": 9}, "--dpi must be at least 10 and at most 2400, got 9"),
        ({"feed": 0.0}, "--feed must be above 0"),
        ({"pen_up": " "}, "--pen-up must be a height or G-code of letters, digits and points, got ' '"),
        ({"pen_down": "M3\nM112"}, "--pen-down must be a height or G-code"),
    ],
)
def test_a_wrong_option_is_one_sentence(options: dict[str, object], told: str) -> None:
    with pytest.raises(SpecError, match=f"^{told}") as caught:
        Page(**options)
    assert "\n" not in str(caught.value)
