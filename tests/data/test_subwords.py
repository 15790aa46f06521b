from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tasks.made import story
from unspool.data import subwords
from unspool.data.corpus import Learning, read_corpus
from unspool.data.sources import Text
from unspool.data.subwords import BpeVocabulary, lines
from unspool.data.vocabulary import vocabulary_from_dict
from unspool.errors import MissingExtra, SpecError

pytest.importorskip("tokenizers")

WHOLE = st.text(st.characters(exclude_categories=["Cs"]))
LEARNED = BpeVocabulary.learn(lambda: [story()], 300)


@given(WHOLE)
def test_every_text_comes_back(text):
    found = LEARNED.encode(text)
    assert found.dtype == np.int64
    assert LEARNED.decode(found) == text
    complete = LEARNED.decoder()
    assert "".join(complete(int(number)) for number in found) == text
    assert LEARNED.count_characters(found) == len(text)


@given(st.lists(st.sampled_from(["ab", "\n", "a\nb", "é\r\n", "\n\n"]), max_size=20), st.integers(1, 7))
def test_lines_lose_nothing_and_end_where_lines_do(parts, chunk):
    text = "".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subwords, "CHUNK", chunk)
        found = list(lines(text))
    assert "".join(found) == text
    assert all("\n" not in line[:-1] and 0 < len(line) <= chunk for line in found)
    assert all(line.endswith("\n") or len(line) == chunk for line in found[:-1])


@given(st.lists(st.text(st.sampled_from("ab \n"), min_size=1), min_size=1, max_size=5), st.integers(1, 9))
def test_a_corpus_is_the_text_whatever_the_chunks(texts, chunk):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unspool.data.documents.CHUNK", chunk)
        patch.setattr(subwords, "CHUNK", chunk)
        corpus = read_corpus([Text(text) for text in texts], "bpe", LEARNED)
        expected = np.concatenate([LEARNED.encode(text) for text in texts])
    assert corpus.ids.tolist() == expected.tolist()
    assert LEARNED.decode(corpus.ids) == "".join(texts)


@given(st.lists(st.text(st.sampled_from("the cat\né"))), st.integers(1, 3))
def test_texts_together_are_those_alone(texts, together):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subwords, "TOGETHER", together)
        ids, lengths = LEARNED.encode_all(texts)
    alone = [LEARNED.encode(text).tolist() for text in texts]
    assert lengths.tolist() == [*map(len, alone)]
    assert ids.tolist() == [number for one in alone for number in one]


def test_symbols_fall_in_frequency_and_all_bytes_are_there():
    counts = np.bincount(LEARNED.encode(story()), minlength=len(LEARNED))
    assert (np.diff(counts) <= 0).all()
    assert {raw for raw in LEARNED._bytes if len(raw) == 1} == {bytes([byte]) for byte in range(256)}
    assert " the" in LEARNED.symbols


def test_learning_is_repeatable_and_survives_json():
    again = BpeVocabulary.learn(lambda: [story()], 300)
    assert again == LEARNED and hash(again) == hash(LEARNED)
    assert vocabulary_from_dict(json.loads(json.dumps(LEARNED.to_dict()))) == LEARNED
    assert BpeVocabulary.learn(lambda: [story()], 260) != LEARNED
    assert LEARNED.merged(again) is LEARNED


def test_the_size_follows_from_the_text_or_is_given():
    assert len(read_corpus([Text(story())], "bpe").vocabulary) <= 512
    assert len(read_corpus([Text(story())], "bpe", learning=Learning(size=260)).vocabulary) == 260


def test_a_long_text_is_learned_from_in_part(monkeypatch):
    monkeypatch.setattr("unspool.data.corpus.LEARNED", 200)
    monkeypatch.setattr("unspool.data.documents.CHUNK", 10)
    text = Text("ab\n" * 50 + "cd\n" * 50)
    vocabulary = read_corpus([text], "bpe").vocabulary
    assert "ab" in vocabulary.symbols and "cd" in vocabulary.symbols  # spread over it


def test_bytes_that_are_no_text_show():
    byte = {raw: number for number, raw in enumerate(LEARNED._bytes)}
    ids = [byte[bytes([value])] for value in b"a\xed\xffb"]
    complete = LEARNED.decoder()
    assert "".join(complete(number) for number in ids) == LEARNED.decode(ids) == "a\ufffd\ufffdb"


def test_refusals(refused, monkeypatch):
    with refused("at least 256", "got 100", "raise it", error=SpecError):
        BpeVocabulary.learn(lambda: ["a"], 100)
    with refused("half a surrogate pair (U+D83D) at character 1", "remove or replace"):
        LEARNED.encode("a\ud83d")
    for wrong in ("", "{}", '{"model": {"type": "BPE", "vocab": {"€€": 0}, "merges": []}}'):
        with refused("byte-level BPE", "cannot be read", "backup"):
            BpeVocabulary(wrong)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with refused("--unit bpe needs the library tokenizers", "pip install 'unspool[text]'", error=MissingExtra):
        BpeVocabulary.learn(lambda: ["a"], 300)
