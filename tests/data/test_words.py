from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data import ids, words
from unspool.data.corpus import Learning, read_corpus
from unspool.data.sources import Text
from unspool.data.vocabulary import vocabulary_from_dict
from unspool.data.words import UNKNOWN_WORD, WordVocabulary
from unspool.errors import SpecError

TEXT = st.lists(st.sampled_from([*"ab", " ", "\n", "\t", "\u2028", "é", "<unk> "])).map("".join)
ALL = Learning(min_count=1)


def spaced(text: str) -> str:
    """The text with single spaces inside its lines and none at their ends."""
    return "\n".join(" ".join(line.split()) for line in text.split("\n"))


@given(TEXT)
def test_words_and_line_ends_come_back(text):
    vocabulary = WordVocabulary.of([text])
    found = vocabulary.encode(text)
    assert vocabulary.decode(found) == spaced(text)
    complete = vocabulary.decoder()
    assert "".join(complete(int(number)) for number in found) == spaced(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(words, "CHUNK", 2)
        assert vocabulary.count_characters(found) == len(spaced(text))


@given(TEXT, TEXT)
def test_an_unknown_word_is_the_unknown_one(known, text):
    vocabulary = WordVocabulary.of([known])
    expected = [word if word in vocabulary.symbols else UNKNOWN_WORD for word in words.split(text)]
    for unknown in ("fail", "replace"):
        assert [vocabulary.symbols[i] for i in vocabulary.encode(text, unknown)] == expected
    kept = [word for word in words.split(text) if word in vocabulary.symbols]
    assert [vocabulary.symbols[i] for i in vocabulary.encode(text, "skip")] == kept


@given(st.lists(TEXT, max_size=5), st.integers(1, 3), st.none() | st.integers(1, 4))
def test_symbols_fall_in_frequency(texts, least, size):
    vocabulary = WordVocabulary.of(texts, least, size)
    symbols = vocabulary.symbols
    counts = Counter(symbols[number] for text in texts for number in vocabulary.encode(text))
    assert [(-counts[s], s) for s in symbols] == sorted((-counts[s], s) for s in symbols)
    assert size is None or len(symbols) <= size
    met = Counter(word for text in texts for word in words.split(text))
    assert all(met[s] >= least for s in symbols if s not in (UNKNOWN_WORD, "\n"))
    if size is None:
        assert {word for word, count in met.items() if count >= least} <= {*symbols}


def test_the_unknown_word_stands_where_its_frequency_puts_it():
    assert WordVocabulary.of(["a a a b b c d e"], 2).symbols == ("<unk>", "a", "b")
    assert WordVocabulary.of(["a a a b b <unk> c"], 2).symbols == ("a", "<unk>", "b")
    assert WordVocabulary.of(["a a a b b c"], 2).symbols == ("a", "b", "<unk>")
    assert WordVocabulary.of(["a a b b c c"], 1, size=3).symbols == ("<unk>", "a", "b")


def test_a_line_end_is_a_symbol_however_rare():
    assert "\n" in WordVocabulary.of(["a a\nb b"], 2).symbols
    assert "\n" not in WordVocabulary.of(["a a"], 2).symbols


def test_a_stream_goes_on_after_a_text():
    vocabulary = WordVocabulary.of(["a b\n"])
    a, newline = (vocabulary.symbols.index(symbol) for symbol in "a\n")
    for after, expected in (("", "a"), ("b", " a"), ("b ", "a"), ("b\n", "a")):
        assert vocabulary.decoder(after)(a) == expected
    complete = vocabulary.decoder("b")
    assert [complete(number) for number in (newline, a, a)] == ["\n", "a", " a"]


def test_the_rarest_words_are_forgotten_while_counting(monkeypatch):
    monkeypatch.setattr(words, "HELD", 3)
    assert words._counted(["a a a b b", "c d e f"]) == {"a": 3, "b": 2}
    assert words._counted(["a a b b c c d d e", "a"]) == {"a": 1}


@given(st.lists(TEXT, min_size=1, max_size=4), st.integers(1, 20))
def test_a_corpus_cuts_no_word(texts, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unspool.data.documents.CHUNK", chunk)
        if not any(words.split(text) for text in texts):
            return
        corpus = read_corpus([Text(text) for text in texts], "word", learning=ALL)
    assert corpus.vocabulary == WordVocabulary.of(texts)
    assert corpus.ids.tolist() == [number for text in texts for number in corpus.vocabulary.encode(text)]


def test_a_vocabulary_survives_json_and_takes_in_another():
    one, other = WordVocabulary.of(["a b a\n"]), WordVocabulary.of(["c c b"])
    assert vocabulary_from_dict(json.loads(json.dumps(one.to_dict()))) == one
    merged = one.merged(other)
    assert merged.symbols == (*one.symbols, "c")
    assert one.merged(one) == one
    np.testing.assert_array_equal(merged.encode("b a\n"), one.encode("b a\n"))


def test_what_is_no_vocabulary_of_words(refused):
    with refused("without white space", "'a b'", "split it"):
        WordVocabulary(["a b", "<unk>"])
    with refused("each word once", "3 symbols came, 2 of them different"):
        WordVocabulary(["a", "<unk>", "a"])
    with refused("and <unk>", "1 symbols came"):
        WordVocabulary(["a"])
    with refused("of one unit", "word", "byte", error=SpecError):
        WordVocabulary.of(["a"]).merged(read_corpus([Text("a")], "byte").vocabulary)


def test_count_in_pieces_is_that_of_the_whole(monkeypatch):
    text = "one two\nthree four five\n" * 5
    vocabulary = WordVocabulary.of([text])
    whole = vocabulary.count_characters(vocabulary.encode(text))
    monkeypatch.setattr(ids, "CHUNK", 3)
    monkeypatch.setattr(words, "CHUNK", 3)
    assert (
        vocabulary.count_characters(vocabulary.encode(text)) == whole == len(vocabulary.decode(vocabulary.encode(text)))
    )
