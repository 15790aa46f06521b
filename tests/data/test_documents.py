from __future__ import annotations

import csv
import gzip
import io
import json
import os
import sys
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.builtin import builtin_labelled
from unspool.data.corpus import Learning, read_corpus
from unspool.data.documents import Layout
from unspool.data.marks import Marked
from unspool.data.sources import Text
from unspool.data.vocabulary import ByteVocabulary, CharVocabulary
from unspool.errors import SpecError

LINE, FILE = Layout("line"), Layout("file")
UNITS = ("char", "byte", "word")
NAMES = {"French": ["Hugo", "Zoé"], "Irish": ["Brian", "Órla"], "Korean": ["민준"]}


def documents(corpus):
    """(mark, text) of each document."""
    vocabulary = corpus.vocabulary
    assert isinstance(vocabulary, Marked)
    begins = np.flatnonzero(corpus.ids >= vocabulary.first_mark)
    assert begins[0] == 0 and len(begins) == corpus.documents
    parts = np.split(corpus.ids.astype(int), begins[1:])
    return [(vocabulary.marks[part[0] - vocabulary.first_mark], vocabulary.decode(part)) for part in parts]


def write_table(path, rows, header=("name", "nation")):
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def write_folder(path):
    path.mkdir()
    for name, lines in NAMES.items():
        (path / f"{name}.txt").write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    return path


PAIRS = sorted((label, name) for label, names in NAMES.items() for name in names)


@given(st.lists(st.text(st.sampled_from("ab \n\ré")), min_size=1, max_size=4), st.integers(1, 9))
def test_every_line_is_a_document(texts, chunk):
    expected = [line.removesuffix("\r") for text in texts for line in text.split("\n") if line.strip()]
    if not expected:
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unspool.data.documents.CHUNK", chunk)
        for unit in UNITS:
            found = documents(read_corpus([Text(t) for t in texts], unit, layout=LINE, learning=Learning(1)))
            words = [" ".join(line.split()) for line in expected]
            assert found == [("document", line) for line in (words if unit == "word" else expected)]


@pytest.mark.parametrize("unit", [*UNITS, "bpe"])
def test_every_file_is_a_document(tmp_path, unit):
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfone two\nthree")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"two one"))
    (tmp_path / "c.txt").write_text("three\n")
    found = documents(read_corpus([tmp_path], unit, layout=FILE, learning=Learning(1)))
    first = "\ufeffone two\nthree" if unit == "byte" else "one two\nthree"
    assert found == [("document", first), ("document", "two one"), ("document", "three\n")]


def test_marks_do_not_change_the_rest():
    plain, marked = (read_corpus([Text("ab\nc")], layout=layout) for layout in (Layout(), FILE))
    assert (plain.documents, marked.documents) == (0, 1)
    assert marked.vocabulary == Marked(plain.vocabulary, ["document"])
    assert marked.ids.tolist() == [4, *plain.ids.tolist()]
    assert plain.fingerprint == marked.fingerprint
    assert marked.characters == plain.characters == 4


def test_any_bytes_may_lie_in_lines():
    content = bytes(range(256)).replace(b"\n", b"") + b"\n\xff\xfe\n"
    corpus = read_corpus([Text(content)], "byte", layout=LINE)
    assert corpus.vocabulary == Marked(ByteVocabulary(), ["document"])
    assert bytes(number for number in corpus.ids.tolist() if number < 256) == content.replace(b"\n", b"")
    assert corpus.ids.tolist().count(256) == corpus.documents == 2


@pytest.mark.parametrize("kind", ["csv", "jsonl", "tsv", "folder of tables", "python", "standard input"])
def test_a_column_holds_the_texts(tmp_path, kind, monkeypatch):
    rows = [('a, "b"\nc', "x"), ("", "y"), ("d", "z")] if kind != "tsv" else [("a b", "x"), ("", "y"), ("d", "z")]
    path = write_table(tmp_path / "t.csv", rows)
    data = {"csv": [path], "folder of tables": [str(tmp_path)], "standard input": ["-"]}.get(kind)
    if kind == "standard input":
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    elif kind == "jsonl":
        data = [tmp_path / "t.jsonl"]
        data[0].write_text("\n".join(json.dumps({"name": a, "nation": b}) for a, b in rows))
    elif kind == "tsv":
        data = [tmp_path / "t.tsv"]
        data[0].write_text("\n".join("\t".join(row) for row in [("name", "nation"), *rows]))
    elif kind == "python":
        data = {"name": [a for a, _ in rows], "nation": [b for _, b in rows]}
    corpus = read_corpus(data, layout=Layout(column="name"))
    assert documents(corpus) == [("document", text) for text, _ in rows if text]
    if kind != "standard input":  # which can be read once
        other = documents(read_corpus(data, layout=Layout(column="nation")))
        assert [text for _, text in other] == ["x", "y", "z"]
    assert corpus.characters == sum(len(text) for text, _ in rows)


@pytest.mark.parametrize("unit", [*UNITS, "bpe"])
def test_a_label_stands_before_each_document(tmp_path, unit):
    pairs = [(name, label) for label, names in NAMES.items() for name in names]
    path, folder = write_table(tmp_path / "t.csv", pairs), write_folder(tmp_path / "names")
    read = [
        read_corpus([path], unit, layout=Layout(condition="nation", column="name"), learning=Learning(1)),
        read_corpus([folder], unit, layout=Layout(condition="file"), learning=Learning(1)),
        read_corpus(sorted(folder.iterdir()), unit, layout=Layout("text", condition="file"), learning=Learning(1)),
        read_corpus(pairs, unit, layout=Layout(condition="label"), learning=Learning(1)),
    ]
    for corpus in read:
        assert corpus.vocabulary.marks == ("French", "Irish", "Korean")
        assert sorted(documents(corpus)) == PAIRS
        assert corpus.fingerprint == read[0].fingerprint


def test_of_a_folder_of_labels_only_text_files_are_read(tmp_path):
    folder = write_folder(tmp_path / "names")
    (folder / "SOURCE.md").write_text("where these names are from\n", encoding="utf-8")
    (folder / "LICENSE").write_text("free\n", encoding="utf-8")
    corpus = read_corpus([folder], layout=Layout(condition="file"), learning=Learning(1))
    assert corpus.vocabulary.marks == ("French", "Irish", "Korean")


def test_files_of_one_label_are_none(tmp_path, refused):
    folder = write_folder(tmp_path / "names")
    with refused("--condition file needs files of two names", "of 'Irish'", "name more files", "--documents line"):
        read_corpus([folder / "Irish.txt"], layout=Layout(condition="file"))
    known = read_corpus([folder], layout=Layout(condition="file")).vocabulary
    read_corpus([folder / "Irish.txt"], vocabulary=known, layout=Layout(condition="file"))


def test_labelled_documents_are_shuffled_by_the_seed():
    pairs = [(f"{label} {number}", label) for label in "ab" for number in range(50)]
    orders = [documents(read_corpus(pairs, layout=Layout(condition="y", seed=seed))) for seed in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert len({label for label, _ in orders[0][-20:]}) == 2
    rows = documents(read_corpus({"text": [text for text, _ in pairs]}, layout=Layout("row")))
    assert [text for _, text in rows] == [text for text, _ in pairs]


def test_a_known_vocabulary_is_kept_or_grows():
    pairs = [("ab", "x"), ("ba", "y")]
    layout = Layout(condition="label")
    known = read_corpus(pairs, layout=layout).vocabulary
    assert read_corpus(pairs, vocabulary=known, layout=layout).vocabulary is known
    grown = read_corpus([("abc", "z"), ("a", "x")], vocabulary=known, layout=layout, learning=Learning(grow=True))
    assert grown.vocabulary == Marked(CharVocabulary("abc"), ["x", "y", "z"])
    assert sorted(documents(grown)) == [("x", "a"), ("z", "abc")]
    again = read_corpus([("abc", "z"), ("a", "x")], vocabulary=grown.vocabulary, layout=layout)
    assert again.fingerprint == grown.fingerprint and documents(again) == documents(grown)
    assert (
        read_corpus([("abc", "x"), ("a", "z")], vocabulary=grown.vocabulary, layout=layout).fingerprint
        != again.fingerprint
    )
    plain = read_corpus([Text("abc")], vocabulary=CharVocabulary("bd"), learning=Learning(grow=True))
    assert plain.vocabulary == CharVocabulary("abcd") and plain.vocabulary.decode(plain.ids) == "abc"
    marked = read_corpus([Text("b\nd")], vocabulary=CharVocabulary("bd"), layout=LINE)
    assert marked.vocabulary == Marked(CharVocabulary("bd"), ["document"])
    assert read_corpus([Text("ab")], vocabulary=known).vocabulary is known


def test_labels_that_the_model_does_not_know(refused):
    known = Marked(CharVocabulary("ab"), ["x", "y"])
    with refused("among the model's classes 'x', 'y'", "'z' came"):
        read_corpus([("a", "z")], vocabulary=known, layout=Layout(condition="label"))


def test_options_that_exclude_each_other(refused):
    with refused("--documents must be one of", "'page'", error=SpecError):
        Layout("page")
    with refused("--column", "--documents line", error=SpecError):
        Layout("line", column="a")
    with refused("--condition", "--documents file", error=SpecError):
        Layout("file", condition="a")
    with refused("--condition file", "--column", error=SpecError):
        Layout(column="a", condition="file")
    with refused("a file's name", "name files or a folder", error=SpecError):
        read_corpus([("a", "b")], layout=Layout(condition="file"))


def test_bad_tables(tmp_path, refused):
    path = write_table(tmp_path / "t.csv", [("a", "x", "1"), ("b", "y", "2")], ("name", "nation", "age"))
    with refused("no 'nmae'", "'name', 'nation', 'age'"):
        read_corpus([path], layout=Layout(column="nmae"))
    with refused("no 'label'", "'name', 'nation', 'age'"):
        read_corpus([path], layout=Layout(column="name", condition="label"))
    other = write_table(tmp_path / "u.csv", [("a", "x", "1"), ("b", "y", "2")], ("first", "nation", "age"))
    with refused("which one is the text", "'first', 'nation', 'age'", "--column NAME"):
        read_corpus([other], layout=Layout("row"))
    empty = write_table(tmp_path / "e.csv", [("", "x"), (" ", "y")])
    with refused("more than white space", "e.csv", "another column"):
        read_corpus([empty], layout=Layout(column="name"))
    lonely = write_table(tmp_path / "l.csv", [("a", "x"), ("b", "x")])
    with refused("two classes or more"):
        read_corpus([lonely], layout=Layout(column="name", condition="nation"))
    prose = tmp_path / "p.txt"
    prose.write_text("Call me Ishmael.\nSome years ago.\n")
    with refused("no 'text'", "name one of those"):
        read_corpus([prose], layout=Layout(column="text"))
    (tmp_path / "q.csv").write_text('name,nation\n"open,x\n')
    with refused("quoted cell", "q.csv", "mend the quotes"):
        read_corpus([tmp_path / "q.csv"], layout=Layout(column="name"))
    with refused("must be text", "numbers came", "--column"):
        read_corpus((np.zeros((4, 3)), ["a", "b", "a", "b"]), layout=Layout(condition="label"))


def test_lines_that_are_all_blank(refused):
    with refused("more than white space", "mine", "other data"):
        read_corpus([Text("\n \n\t\n", "mine")], layout=LINE)


def test_built_in_lines_have_labels():
    corpus = read_corpus(builtin_labelled(20), layout=Layout(condition="label"))
    assert corpus.vocabulary.marks == ("code", "prose") and corpus.documents == 40


def test_standard_input_is_read_once_and_learned_from(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a b a")))
    corpus = read_corpus(["-"], "word", learning=Learning(1))
    assert corpus.vocabulary.decode(corpus.ids) == "a b a" and corpus.files == ("standard input",)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_learned_from_too(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    writer = Thread(target=lambda: (tmp_path / "pipe").write_bytes(b"a b a"))
    writer.start()
    corpus = read_corpus([tmp_path / "pipe"], "word", learning=Learning(1))
    writer.join()
    assert corpus.vocabulary.decode(corpus.ids) == "a b a"


def test_a_folder_is_not_a_table_of_one_file(tmp_path):
    for name in ("a", "b"):
        write_table(tmp_path / f"{name}.csv", [(name, "x"), (name * 2, "y")])
    corpus = read_corpus([Path(tmp_path)], layout=Layout(column="name", condition="nation"))
    assert sorted(documents(corpus)) == [("x", "a"), ("x", "b"), ("y", "aa"), ("y", "bb")]
