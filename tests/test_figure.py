"""Characters that the usual font of pictures lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font

from unspool import figure
from unspool.figure import new_figure, save


def characters(font: str) -> set[int]:
    return set(FT2Font(findfont(FontProperties(family=font))).get_charmap())


def test_another_font_helps(tmp_path: Path) -> None:
    only = chr(min(characters("STIXGeneral") - characters("DejaVu Sans") - set(range(0xE000, 0xF900))))
    drawn = new_figure(2, 1)
    plain, helped = drawn.text(0, 0, "plain"), drawn.text(0, 0.5, f"a{only}")
    before = plain.get_fontfamily()
    save(drawn, tmp_path / "a.png")
    assert plain.get_fontfamily() == before == helped.get_fontfamily()[:-1]
    assert ord(only) in characters(helped.get_fontfamily()[-1])
    assert drawn.get_supxlabel() == ""


def test_a_picture_says_what_no_font_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = findfont(FontProperties())
    known = figure._characters(usual)
    monkeypatch.setattr(figure, "_characters", lambda file: known)
    drawn = new_figure(4, 1)
    drawn.text(0, 0.5, "\ud55c")
    save(drawn, tmp_path / "a.png")
    assert (
        drawn.get_supxlabel().replace("\n", " ")
        == "boxes: no font here has U+D55C; install one, Noto Sans CJK for instance"
    )
