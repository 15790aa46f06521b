from __future__ import annotations

import numpy as np
import pytest
import torch

from unspool.data.marks import Marked
from unspool.data.vocabulary import ByteVocabulary, CharVocabulary
from unspool.data.words import WordVocabulary
from unspool.errors import SpecError
from unspool.tasks.language.masks import BytesOf, Rows, WholeCharacters, starting_mark, text_mask


def allowed_symbols(mask: Rows | None, remaining: int = 99) -> list[int]:
    assert mask is not None
    return np.flatnonzero(mask.allowed(remaining)[0]).tolist()


def test_where_nothing_is_ruled_out_there_is_no_mask() -> None:
    assert text_mask(CharVocabulary("abc"), "", False, 3) is None
    assert text_mask(ByteVocabulary(), "", True, 3) is None
    assert text_mask(ByteVocabulary(), "", False, 3) is not None


def test_an_alphabet_of_characters_or_words() -> None:
    chars = Marked(CharVocabulary("ACGT\n"), ["x", "y"])  # \n A C G T and two marks
    assert allowed_symbols(text_mask(chars, "AT", False, 1)) == [1, 4, 5, 6]
    words = WordVocabulary(["<unk>", "the", "cat", "\n", "at"])
    assert allowed_symbols(text_mask(words, "cat the\n", False, 1)) == [1, 2, 3]
    for vocabulary, alphabet, strange in ((chars, "AXZ", "'X', 'Z'"), (words, "the dog", "'dog'")):
        with pytest.raises(SpecError, match=f"--alphabet .*not of {strange}"):
            text_mask(vocabulary, alphabet, False, 1)


def test_a_symbol_of_several_characters_needs_all_of_them() -> None:
    class Pairs(CharVocabulary):
        unit = "bpe"

        def __init__(self) -> None:
            self.symbols = ("a", "b", "ab", "ac", "c")

    assert allowed_symbols(text_mask(Pairs(), "ab", False, 1)) == [0, 1, 2]


def spell(mask: BytesOf | WholeCharacters, length: int, seed: int) -> bytes:
    source, found = np.random.default_rng(seed), []
    for remaining in range(length, 0, -1):
        found.append(int(source.choice(np.flatnonzero(mask.allowed(remaining)[:256]))))
        mask.push(found[-1])
    return bytes(found)


@pytest.mark.parametrize("seed", range(5))
def test_bytes_spell_the_alphabet(seed: int) -> None:
    text = spell(BytesOf("aé€😀", 0), 60, seed).decode("utf-8")
    assert set(text) == set("aé€😀")
    assert len(spell(BytesOf("€", 0), 7, seed)) == 7  # none is short enough for the last byte: it goes on all the same


def test_marks_stand_between_characters() -> None:
    for mask in (WholeCharacters(2), BytesOf("é", 2)):
        assert mask.allowed(9)[256:].tolist() == [True, True]
        mask.push(0xC3)
        assert mask.allowed(9)[256:].tolist() == [False, False]
        mask.push(0xA9)
        mask.push(257)
        assert mask.allowed(9)[256:].tolist() == [True, True] and mask.allowed(9)[0xC3]


def test_select_copies() -> None:
    rows = Rows([WholeCharacters(0), WholeCharacters(0)])
    rows.push(torch.tensor([0xC3, 0x61]))
    rows.select([0, 0, 1])
    rows.push(torch.tensor([0xA9, 0xA9, 0xC3]))
    assert [bool(row[0x61]) for row in rows.allowed(9)] == [True, True, False]


def test_the_mark_that_stands_before_a_text() -> None:
    plain = CharVocabulary("ab")
    assert starting_mark(plain, None) is None
    assert starting_mark(Marked(plain, ["document"]), None) == 2
    labelled = Marked(plain, ["Irish", "Italian"])
    assert starting_mark(labelled, "Italian") == 3
    with pytest.raises(SpecError, match="needs a --label; choose one of Irish, Italian"):
        starting_mark(labelled, None)
    with pytest.raises(SpecError, match="did you mean 'Italian'"):
        starting_mark(labelled, "Itallian")
    with pytest.raises(SpecError, match="--label Irish needs a model that was trained with labels"):
        starting_mark(plain, "Irish")
