from __future__ import annotations

import sys
import sysconfig

import pytest

from unspool.data.builtin import builtin_labelled, builtin_text
from unspool.data.corpus import read_corpus
from unspool.data.labelled import read_labelled
from unspool.errors import SpecError


def test_the_topics_of_the_language():
    literal = builtin_text("docs")
    assert len(literal.text) > 100_000
    assert "pydoc_data.topics" in literal.name
    assert "assert_stmt" in literal.text
    assert literal == builtin_text("docs")


def test_the_source_of_the_standard_library():
    literal = builtin_text("python")
    assert len(literal.text) > 1_000_000
    assert "standard library" in literal.name
    assert literal.text.index("class Fraction") < literal.text.index("class ZipFile")
    assert literal == builtin_text("python")


def test_it_is_a_corpus():
    corpus = read_corpus([builtin_text("docs")])
    assert corpus.ids.dtype.itemsize == 1
    assert corpus.files == (builtin_text("docs").name,)


def test_no_such_text(refused):
    with refused("docs, python", "'latin'", error=SpecError):
        builtin_text("latin")


def test_a_python_without_them(refused, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with refused("needs pydoc_data", "--corpus python"):
        builtin_text("docs")
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    with refused("standard library's source", "holds none", "--corpus docs"):
        builtin_text("python")


@pytest.mark.parametrize("corpus", ["docs", "python"])
def test_it_holds_no_half_characters(corpus):
    builtin_text(corpus).text.encode()


def test_lines_of_prose_and_code():
    found = read_labelled(builtin_labelled(each=50))
    assert found.classes == ("code", "prose")
    assert found.kind == "text"
    assert len(found) == 100
    assert found.lengths.min() >= 10
