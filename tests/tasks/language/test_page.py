from __future__ import annotations

import math
from html.parser import HTMLParser

import pytest

from unspool.data.vocabulary import ByteVocabulary
from unspool.tasks.language.page import CLASSES, Passage, Symbol, page, symbols_of, whole
from unspool.tasks.language.pieces import Piece

VOID = {"meta"}


class Reader(HTMLParser):
    """Collects the spans of the text, and checks that every element is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.spans: list[tuple[dict[str, str | None], str]] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [name for name, _ in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "span":
            self.spans.append((dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "span":
            self.spans[-1] = (self.spans[-1][0], self.spans[-1][1] + data)


def read(text: str) -> list[tuple[dict[str, str | None], str]]:
    reader = Reader()
    reader.feed(text)
    assert reader.open == [] and reader.references == []
    return [span for span in reader.spans if "title" in span[0]]


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("side", [1, 3])
def test_text_can_be_read_on_every_colour_and_surprise_in_its_lightness(side: int) -> None:
    grounds = [luminance(row[side]) for row in CLASSES]
    for row, ground in zip(CLASSES, grounds, strict=True):
        ink = luminance(row[side + 1])
        assert (max(ink, ground) + 0.05) / (min(ink, ground) + 0.05) >= 4.5
    assert grounds == sorted(grounds, reverse=side == 1)


def test_each_symbol_has_its_colour_and_its_numbers() -> None:
    chances = [0.95, 0.5, 0.3, 0.15, 0.05, 0.02, 0.005, 0.0001]
    symbols = [Symbol(letter, -math.log(p)) for letter, p in zip("abcdefgh", chances, strict=True)]
    spans = read(page("title", [Passage("one", symbols)], "characters"))
    assert [attributes["class"] for attributes, _ in spans] == [f"c{i}" for i in range(8)]
    assert [text for _, text in spans] == list("abcdefgh")
    assert spans[1][0]["title"] == "'b': probability 0.5, 0.69 nats"
    perplexity = math.prod(chances) ** (-1 / 8)
    assert f"perplexity {perplexity:.4g}." in page("title", [Passage("one", symbols)], "characters")


def test_nothing_of_the_text_is_markup_and_nothing_is_invisible() -> None:
    text = "<b>&\"'\n\t\r\x00\x07\u202e"
    found = page("<title> & more", [Passage("<h>", [Symbol(c, 1.0) for c in text], "<i>", "<n>")], "characters")
    spans = read(found)
    assert [shown for _, shown in spans] == [
        "<i>", "<", "b", ">", "&", '"', "'", "\u21b5\n", "\u2192", "\u240d", "\u2400", "\u2407", "\\u202e",
    ]  # fmt: skip
    assert "<h1>&lt;title&gt; &amp; more</h1>" in found and "&lt;n&gt;" in found
    assert spans[0][0]["class"] == "none"


def test_the_first_symbol_has_no_probability() -> None:
    spans = read(page("t", [Passage("p", [Symbol("a", math.nan), Symbol("b", math.log(2))])], "characters"))
    assert spans[0][0] == {"class": "none", "title": "'a': nothing stands before it"}
    assert "1 characters, 0.69 nats in all, 0.6931 nats each, perplexity 2." in page(
        "t", [Passage("p", [Symbol("a", math.nan), Symbol("b", math.log(2))])], "characters"
    )


def test_bytes_of_one_character_are_one_symbol() -> None:
    decode = ByteVocabulary().decoder()
    pieces = [Piece(decode(byte), byte, -1.0) for byte in "aé€".encode()]
    assert symbols_of(pieces) == [Symbol("a", 1.0, 1), Symbol("é", 2.0, 2), Symbol("€", 3.0, 3)]
    assert whole([Symbol("", 1.0), Symbol("", 2.0)]) == [Symbol("\ufffd", 3.0, 2)]
