from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.pen.alphabet import Alphabet, written

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  a\t b\n", "a b"),
        ("cafe\u0301", "caf\u00e9"),  # composed where there is a composed form
        ("m\u0323x\u0301", "\u1e43x\u0301"),  # kept where there is none
        ("\u200fשלום\u202c", "שלום"),  # marks of direction leave no trace, the order is that of speech
        ("می\u200cروم", "می\u200cروم"),  # but a joiner changes how letters are written
        ("a\u00a0b\u3000c", "a b c"),
    ],
)
def test_what_a_pen_writes(text, expected):
    assert written(text) == expected


@given(TEXTS)
def test_what_is_written_is_written_again_the_same(text):
    assert written(written(text)) == written(text)


@given(st.lists(TEXTS, min_size=1).filter(lambda texts: any(map(written, texts))))
def test_every_training_text_can_be_written(texts):
    alphabet = Alphabet.of(texts)
    for text in filter(written, texts):
        ids = alphabet.encode(text)
        assert alphabet.decode(ids) == written(text)
        assert alphabet.unknown(text) == []
    assert sum(alphabet.counts.values()) == sum(len(written(text)) for text in texts)
    assert Alphabet.from_dict(json.loads(json.dumps(alphabet.to_dict()))) == alphabet


def test_unknown_characters_are_named(refused):
    alphabet = Alphabet.of(["hello world", None])
    assert alphabet.unknown("Hello, World!") == ["H", ",", "W", "!"]
    with refused("the line", "'H' (U+0048 LATIN CAPITAL LETTER H)", "'!' (U+0021 EXCLAMATION MARK)", "leave them out"):
        alphabet.encode("Hello!", "the line")
    with refused("'\u25cc\u0301' (U+0301 COMBINING ACUTE ACCENT)"):
        alphabet.check("hd\u0301ello")
    with refused("and 3 more"):
        alphabet.check("ABCDEFGHIJKLMNO")
    with refused("the text has none"):
        alphabet.check(" \u200f ")


def test_what_has_no_name_is_named_by_its_number(refused):
    with refused("'\ue000' (U+E000)", "(U+1FAE8"):
        Alphabet.of(["hello world"]).check("he\ue000llo \U0001fae8")


def test_typographic_characters_are_written_as_they_are_typed():
    typed, set_up = 'it\'s "fine" - so...', "it\u2019s \u201c\ufb01ne\u201d \u2014 so\u2026"
    alphabet = Alphabet.of([typed])
    assert alphabet.unknown(set_up) == [] and alphabet.decode(alphabet.encode(set_up)) == typed
    with_its_own = Alphabet.of([typed, "\u2019"])
    assert with_its_own.check("it\u2019s") == "it\u2019s"


def test_an_alphabet_needs_texts(refused):
    with refused("needs texts"):
        Alphabet.of([None, " "])
