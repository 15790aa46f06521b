from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.vocabulary import ByteVocabulary, CharVocabulary, vocabulary_from_dict
from unspool.errors import SpecError

WHOLE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
HARD = "한글 e\u0301 👩‍👩‍👧 \U0010ffff\x00\ufeff\n"


@given(WHOLE)
def test_characters_come_back(text):
    vocabulary = CharVocabulary(text)
    ids = vocabulary.encode(text)
    assert ids.dtype == np.int64
    assert vocabulary.decode(ids) == text
    assert [vocabulary.symbols[i] for i in ids] == list(text)


@given(WHOLE)
def test_bytes_come_back(text):
    vocabulary = ByteVocabulary()
    ids = vocabulary.encode(text)
    assert bytes(ids.tolist()) == text.encode() == vocabulary.to_bytes(ids)
    assert vocabulary.decode(ids) == text


@given(WHOLE, WHOLE)
def test_skip_and_replace_touch_the_unknown_alone(known, text):
    vocabulary = CharVocabulary(known)
    kept = [symbol for symbol in text if symbol in known]
    assert vocabulary.decode(vocabulary.encode(text, "skip")) == "".join(kept)
    spare = vocabulary.symbols[vocabulary.replacement]
    expected = "".join(symbol if symbol in known else spare for symbol in text)
    assert vocabulary.decode(vocabulary.encode(text, "replace")) == expected


@given(WHOLE)
def test_a_vocabulary_survives_json(text):
    for vocabulary in (CharVocabulary(text), ByteVocabulary()):
        again = vocabulary_from_dict(json.loads(json.dumps(vocabulary.to_dict())))
        assert again == vocabulary
        assert hash(again) == hash(vocabulary)
        assert again.unit == vocabulary.unit


def test_symbols_are_sorted_by_code_point():
    assert CharVocabulary.of(["ba", "한a", "😀"]).symbols == ("a", "b", "한", "😀")
    assert len(CharVocabulary(HARD)) == len(set(HARD))


def test_two_vocabularies_differ_by_their_symbols():
    assert CharVocabulary("ab") != CharVocabulary("abc")
    assert CharVocabulary("ab") != ByteVocabulary()


@pytest.mark.parametrize(("symbols", "spare"), [("a\ufffd? ", "\ufffd"), ("a? ", "?"), ("a ", " "), ("ba", "a")])
def test_the_replacement_is_the_best_that_is_known(symbols, spare):
    vocabulary = CharVocabulary(symbols)
    assert vocabulary.decode(vocabulary.encode("€", "replace")) == spare


def test_bytes_that_are_not_text_show_as_replacement_characters():
    vocabulary = ByteVocabulary()
    assert vocabulary.decode([0x61, 0xFF, 0xED]) == "a\ufffd\ufffd"
    assert vocabulary.symbols[0x41] == "A"
    assert vocabulary.symbols[0xFF] == "\\xff"


def test_a_raw_byte_of_the_command_line_comes_back():
    assert ByteVocabulary().encode(b"a\xff".decode("utf-8", "surrogateescape")).tolist() == [0x61, 0xFF]


def test_empty_text():
    for vocabulary in (CharVocabulary("a"), ByteVocabulary()):
        assert vocabulary.encode("").shape == (0,)
        assert vocabulary.decode([]) == ""


def test_unknown_symbols_are_named(refused):
    with refused("2 that the vocabulary knows", "poem.txt has '€' (U+20AC)", "--unknown skip", "replace"):
        CharVocabulary("ab").encode("a€b", origin="poem.txt")


def test_only_the_first_unknown_symbols_are_named(refused):
    with refused("'c' (U+0063), 'd' (U+0064), 'e' (U+0065), 'f' (U+0066), 'g' (U+0067) and 2 more;"):
        CharVocabulary("ab").encode("ihgfedcc")


def test_half_a_surrogate_pair(refused):
    with refused("'\\ud83d' (U+D83D)"):
        CharVocabulary("ab").encode("a\ud83d")
    with refused("half a surrogate pair (U+D83D) at character 1", "remove or replace"):
        ByteVocabulary().encode("a\ud83d")


def test_what_is_no_symbol(refused):
    with refused("at least one symbol", "none came"):
        CharVocabulary([])
    for wrong in ("ab", "", "\ud800"):
        with refused("one whole Unicode character", repr(wrong)):
            CharVocabulary(["a", wrong])


@pytest.mark.parametrize("wrong", [-1, 2])
def test_ids_outside_the_vocabulary(refused, wrong):
    with refused("0..1", f"{wrong} came"):
        CharVocabulary("ab").decode([0, wrong])


def test_words_that_are_no_policy(refused):
    with refused("fail, skip, replace", "'ignore'", error=SpecError):
        CharVocabulary("ab").encode("a", "ignore")


@pytest.mark.parametrize("stored", [{}, {"unit": "char"}, {"unit": "syllable", "symbols": "ab"}])
def test_a_stored_vocabulary_of_another_kind(refused, stored):
    with refused("unit 'byte', or unit 'char'", repr(stored.get("unit")), "version"):
        vocabulary_from_dict(stored)


@given(WHOLE)
def test_a_stream_of_ids_becomes_the_same_text(text):
    for vocabulary in (CharVocabulary(text), ByteVocabulary()):
        complete = vocabulary.decoder()
        pieces = [complete(int(number)) for number in vocabulary.encode(text)]
        assert "".join(pieces) == text
        assert all(len(piece) <= 1 for piece in pieces)
        assert vocabulary.count_characters(vocabulary.encode(text)) == len(text)


def test_a_byte_that_breaks_a_character_shows():
    complete = ByteVocabulary().decoder()
    assert [complete(byte) for byte in b"\xeda"] == ["", "\ufffda"]


def test_a_text_begins_after_a_line_end_or_else_after_the_first_symbol():
    for vocabulary, first in (
        (CharVocabulary("b\na"), "\n"),
        (CharVocabulary("ba"), "a"),
        (ByteVocabulary(), "\n"),
    ):
        assert vocabulary.decode(vocabulary.start()) == first
