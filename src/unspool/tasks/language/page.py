"""A text as a web page, each symbol coloured by its probability: one file that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from unspool.tasks.language.pieces import Piece
from unspool.webpage import visible, webpage

# Probability from which on a symbol is of a class, its colours on a light and on a dark ground. One hue that grows
# darker (or lighter) with surprise, so that it can be read without telling colours apart; text stands out from each
# by at least 4.5 to 1.
CLASSES = (
    (0.9, "#ffffff", "#1a1a1a", "#16181c", "#e6e6e6"),
    (0.5, "#fff1d6", "#1a1a1a", "#332612", "#f2e9dc"),
    (0.2, "#ffdca3", "#1a1a1a", "#4d3512", "#f7ecdb"),
    (0.1, "#ffbf66", "#1a1a1a", "#6b4711", "#fff3e0"),
    (0.03, "#f59b2e", "#1a1a1a", "#8f5a0c", "#ffffff"),
    (0.01, "#b85c00", "#ffffff", "#d98a1f", "#141414"),
    (0.001, "#8a3d00", "#ffffff", "#f5b04d", "#141414"),
    (0.0, "#571f00", "#ffffff", "#ffd899", "#141414"),
)
STYLE = """
.text span, .swatch { border-radius: .15rem; } .swatch { padding: 0 .6rem; border: 1px solid var(--line); }
.text span:hover { outline: 2px solid var(--ink); }
.none { color: var(--soft); }
"""


class Symbol(NamedTuple):
    """A symbol to show; `nats` is its surprise, nan where it has none."""

    text: str
    nats: float
    units: int = 1  # more where bytes make one character


class Passage(NamedTuple):
    """A text to show: symbols, and what stands above and before them."""

    title: str
    symbols: list[Symbol]
    before: str = ""  # a prompt, which is not coloured
    note: str = ""


def symbols_of(pieces: Iterable[Piece]) -> list[Symbol]:
    """The symbols of pieces; bytes of one character are one symbol, their nats added."""
    return whole(Symbol(piece.text, -piece.log_prob) for piece in pieces)


def whole(parts: Iterable[Symbol]) -> list[Symbol]:
    """Join each part without a text to the one that completes it."""
    found: list[Symbol] = []
    nats, units = 0.0, 0
    for part in parts:
        nats, units = nats + part.nats, units + part.units
        if part.text:
            found.append(Symbol(part.text, nats, units))
            nats, units = 0.0, 0
    return found if not units else [*found, Symbol("\ufffd", nats, units)]


def page(title: str, passages: Sequence[Passage], noun: str) -> str:
    """Return the page, HTML in UTF-8; `noun` says what the model's symbols are, such as characters."""
    scored = [symbol for passage in passages for symbol in passage.symbols if not math.isnan(symbol.nats)]
    nats, units = sum(symbol.nats for symbol in scored), sum(symbol.units for symbol in scored)
    mean = nats / units if units else 0.0
    told = f"{units:,} {noun}, {nats:.2f} nats in all"
    if units:
        told += f", {mean:.4f} nats each, perplexity {math.exp(min(mean, 700.0)):.4g}"
    body = "\n".join(_passage(passage) for passage in passages)
    told = f"<p>{escape(told)}. Point at a symbol to see its probability.</p>"
    return webpage(title, f"{told}\n{_legend(scored)}\n{body}", STYLE + _colours())


def _colours() -> str:
    light = "".join(
        f".c{i} {{ background: {ground}; color: {ink}; }}\n" for i, (_, ground, ink, *_) in enumerate(CLASSES)
    )
    dark = "".join(f".c{i} {{ background: {ground}; color: {ink}; }}\n" for i, (*_, ground, ink) in enumerate(CLASSES))
    return f"{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"


def _class(probability: float) -> int:
    return next(i for i, (least, *_) in enumerate(CLASSES) if probability >= least)


def _legend(scored: Sequence[Symbol]) -> str:
    counts = [0] * len(CLASSES)
    for symbol in scored:
        counts[_class(math.exp(-symbol.nats))] += 1
    rows, above = [], ""
    for i, (least, *_) in enumerate(CLASSES):
        label = f"{least:g} or more" if not i else f"{least:g} to {above}" if least else f"below {above}"
        share = f"{counts[i] / len(scored):.1%}" if scored else ""
        rows.append(f'<tr><td><span class="swatch c{i}">a</span></td><td>{label}</td><td>{share}</td></tr>')
        above = f"{least:g}"
    head = '<tr><th scope="col">colour</th><th scope="col">probability</th><th scope="col">of the text</th></tr>'
    return f"<figure><table>{head}{''.join(rows)}</table></figure>"


def _passage(passage: Passage) -> str:
    note = f"<p>{escape(passage.note)}</p>\n" if passage.note else ""
    before = f'<span class="none" title="read, not written">{visible(passage.before)}</span>' if passage.before else ""
    spans = "".join(_span(symbol) for symbol in passage.symbols)
    return f'<h2>{escape(passage.title)}</h2>\n{note}<div class="text">{before}{spans}</div>'


def _span(symbol: Symbol) -> str:
    name = escape(repr(symbol.text))
    if math.isnan(symbol.nats):
        return f'<span class="none" title="{name}: nothing stands before it">{visible(symbol.text)}</span>'
    probability = math.exp(-symbol.nats)
    told = f"{name}: probability {probability:.3g}, {symbol.nats:.2f} nats"
    told += f", {symbol.units} symbols" if symbol.units > 1 else ""
    return f'<span class="c{_class(probability)}" title="{told}">{visible(symbol.text)}</span>'
