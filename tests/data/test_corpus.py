from __future__ import annotations

import gzip
import hashlib
import io
import sys
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data import sources
from unspool.data.corpus import read_corpus
from unspool.data.sources import BLOCK, Text
from unspool.data.vocabulary import ByteVocabulary, CharVocabulary
from unspool.errors import SpecError

WHOLE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text != "\ufeff")
MEGABYTE = 1_000_000


@given(st.lists(WHOLE, min_size=1, max_size=4))
def test_any_text_comes_back(texts):
    corpus = read_corpus([Text(text) for text in texts])
    whole = "".join(text.removeprefix("\ufeff") for text in texts)
    content = "".join(texts).encode()
    assert corpus.vocabulary.decode(corpus.ids) == whole
    assert corpus.vocabulary == CharVocabulary(whole)
    assert corpus.characters == len(whole)
    assert corpus.bytes == len(content)
    assert corpus.fingerprint == hashlib.sha256(content).hexdigest()


@given(st.binary(min_size=1))
def test_any_bytes_come_back(content):
    corpus = read_corpus([Text(content)], "byte")
    assert corpus.ids.tobytes() == content
    assert corpus.vocabulary == ByteVocabulary()


@given(WHOLE, WHOLE)
def test_a_given_vocabulary_is_kept(text, known):
    vocabulary = CharVocabulary(known + text)
    corpus = read_corpus([Text(text)], vocabulary=vocabulary)
    assert corpus.vocabulary is vocabulary
    assert np.array_equal(corpus.ids, vocabulary.encode(text.removeprefix("\ufeff")))


@pytest.mark.parametrize("symbol", ["é", "한", "😀"])
@pytest.mark.parametrize("before", [0, 1, 2, 3])
def test_a_character_may_lie_across_the_border_of_two_blocks(tmp_path, symbol, before):
    text = "a" * (BLOCK - before) + symbol + "b"
    path = tmp_path / "x.txt"
    path.write_text(text, encoding="utf-8")
    corpus = read_corpus([str(path)])
    assert corpus.vocabulary.decode(corpus.ids) == text
    assert read_corpus([path], "byte").characters == len(text)


@pytest.mark.parametrize(
    ("symbols", "width"), [(256, 1), (257, 2), (0xD800, 2), (65537, 4)], ids=lambda value: str(value)
)
def test_ids_are_as_narrow_as_the_symbols_allow(symbols, width):
    text = "".join(chr(point if point < 0xD800 else point + 0x800) for point in range(symbols))
    corpus = read_corpus([Text(text[::-1])])
    assert len(corpus.vocabulary) == symbols
    assert corpus.ids.dtype.itemsize == width
    assert corpus.vocabulary.decode(corpus.ids) == text[::-1]


def test_sources_follow_each_other(tmp_path, monkeypatch):
    (tmp_path / "b.txt").write_bytes(b"\xef\xbb\xbftwo ")
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"one "))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"three ")))
    corpus = read_corpus([tmp_path, "-", Text("four", "mine")])
    assert corpus.vocabulary.decode(corpus.ids) == "one two three four"
    assert corpus.files == (str(tmp_path / "a.txt.gz"), str(tmp_path / "b.txt"), "standard input", "mine")


def test_the_fingerprint_is_that_of_the_content_not_of_the_packing(tmp_path):
    (tmp_path / "x.txt").write_text("same")
    (tmp_path / "x.txt.gz").write_bytes(gzip.compress(b"same"))
    prints = {
        read_corpus([tmp_path / name], unit).fingerprint for name in ("x.txt", "x.txt.gz") for unit in ("char", "byte")
    }
    assert prints == {hashlib.sha256(b"same").hexdigest()}


def test_unknown_symbols_are_skipped_or_replaced():
    vocabulary = CharVocabulary("ab?")
    for unknown, expected in (("skip", "ab"), ("replace", "a?b")):
        corpus = read_corpus([Text("a€b")], vocabulary=vocabulary, unknown=unknown)
        assert vocabulary.decode(corpus.ids) == expected
        assert corpus.characters == 3


@pytest.mark.parametrize("unit", ["char", "byte"])
@pytest.mark.parametrize("known", [False, True])
def test_a_long_text_needs_its_ids_and_a_few_megabytes(tmp_path, unit, known):
    path = tmp_path / "long.txt"
    line = b"for (i = 0; i < n; i++) { sum += x[i] * y[i]; } /* 0123456789 */\n"
    with path.open("wb") as file:
        for _ in range(20):
            file.write((line * (MEGABYTE // len(line) + 1))[:MEGABYTE])
    vocabulary = CharVocabulary(map(chr, range(128))) if known else None
    tracemalloc.start()
    try:
        corpus = read_corpus([path], unit, vocabulary=vocabulary if unit == "char" else None)
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert corpus.ids.nbytes == 20 * MEGABYTE
    # the buffer may keep an eighth to grow into
    assert held < 20 * MEGABYTE * 9 / 8 + MEGABYTE
    assert peak < 20 * MEGABYTE * 9 / 8 + 10 * MEGABYTE


def test_widening_does_not_hold_the_ids_twice(monkeypatch):
    text = Text(b"ab" * (4 * MEGABYTE) + "".join(map(chr, range(0x4E00, 0x4F80))).encode())
    tracemalloc.start()
    try:
        corpus = read_corpus([text])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert corpus.ids.dtype.itemsize == 2
    assert peak < corpus.ids.nbytes * 9 / 8 + 10 * MEGABYTE


def test_broken_utf_8(tmp_path, refused, monkeypatch):
    monkeypatch.setattr(sources, "BLOCK", 4)
    (tmp_path / "x.txt").write_bytes("한글".encode() + b"ab\xe9t\xe9")
    with refused("must be UTF-8", "byte 8", "x.txt", "0xE9", "convert", "--unit byte"):
        read_corpus([tmp_path / "x.txt"])
    assert read_corpus([tmp_path / "x.txt"], "byte").bytes == 11


def test_unknown_symbols(refused):
    with refused("every symbol must be one of the 2", "mine has '€' (U+20AC)", "--unknown"):
        read_corpus([Text("ab€", "mine")], vocabulary=CharVocabulary("ab"))


@pytest.mark.parametrize("text", ["", "\ufeff"])
def test_empty_text(refused, text):
    with refused("must not be empty", "mine holds nothing", "name a file"):
        read_corpus([Text(text, "mine")])


def test_empty_gzip_and_several_empty_sources(tmp_path, refused):
    (tmp_path / "x.gz").write_bytes(gzip.compress(b""))
    with refused("x.gz holds nothing"):
        read_corpus([tmp_path / "x.gz"], "byte")
    with refused("all of 2 sources together holds nothing"):
        read_corpus([Text(""), Text("")])


def test_text_of_unknown_symbols_only(refused):
    with refused("symbols that the vocabulary knows", "mine has none", "--unknown replace"):
        read_corpus([Text("€€", "mine")], vocabulary=CharVocabulary("ab"), unknown="skip")


def test_options_that_do_not_exist(refused):
    with refused("char, byte", "'syllable'", error=SpecError):
        read_corpus([Text("a")], "syllable")
    with refused("must agree", "'byte'", "'char'", error=SpecError):
        read_corpus([Text("a")], "byte", vocabulary=CharVocabulary("a"))
    with refused("fail, skip, replace", "'drop'", error=SpecError):
        read_corpus([Text("a")], unknown="drop")
