from __future__ import annotations

import keyword
import re
import sys
import sysconfig

import numpy as np
import pytest

from unspool.data.builtin import _pieces, builtin_adding, builtin_labelled, builtin_stepwise, builtin_text
from unspool.data.corpus import read_corpus
from unspool.data.labelled import read_labelled
from unspool.data.stepwise import read_stepwise, split
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


def test_characters_of_code_with_the_kind_of_their_token():
    found = builtin_stepwise(modules=3)
    assert len(set(found["module"])) == 3
    whole = builtin_text("python").text
    for piece, kinds in zip(found["text"], found["labels"], strict=True):
        assert 0 < len(piece) == len(kinds) <= 400
        assert piece in whole
        for match in re.finditer(r"\w+", piece):
            kind = {kinds[place] for place in range(*match.span())}
            if kind == {"keyword"}:
                assert keyword.iskeyword(match[0])
            if kind == {"space"}:
                raise AssertionError(f"{match[0]} is a token")
        assert {kinds[place] for place, character in enumerate(piece) if character == "\n"} <= {"space", "string"}
    data = read_stepwise(found, group="module")
    assert data.kind == "text"
    assert data.classes == ("comment", "keyword", "name", "number", "operator", "space", "string")
    rest, held = split(data, 0.3)
    assert not set(rest.groups) & set(held.groups)


def test_a_piece_of_code_begins_outside_any_token():
    source = 'def f(x):\n    """Say:\n    if x.\n    """\n    return "é" + 1  # no\n'
    text, kinds = next(iter(_pieces(source * 8)))
    assert len(text) >= 200
    spans = {"def": "keyword", "x": "name", '"""Say:\n    if x.\n    """': "string", '"é"': "string", "# no": "comment"}
    for part, kind in {**spans, "return": "keyword", "+": "operator", "1": "number"}.items():
        start = text.index(part)
        assert set(kinds[start : start + len(part)]) == {kind}, part
    assert all(piece.startswith(("def", "    return", '    """')) for piece, _ in _pieces(source * 30))


def test_the_adding_problem(refused):
    sequences, sums = builtin_adding(length=20, count=500, seed=3)
    assert sequences.shape == (500, 20, 2)
    values, marks = sequences[..., 0], sequences[..., 1]
    assert np.allclose((values * marks).sum(1), sums)
    assert (marks[:, :10].sum(1) == 1).all()
    assert (marks[:, 10:].sum(1) == 1).all()
    assert ((sums - 1) ** 2).mean() == pytest.approx(1 / 6, rel=0.2)
    assert np.array_equal(builtin_adding(20, 500, 3)[0], sequences)
    assert not np.array_equal(builtin_adding(20, 500, 4)[0], sequences)
    data = read_labelled((sequences, sums), numeric_target=True)
    assert data.targets.tolist() == sums.tolist()
    for wrong in ({"length": 1}, {"count": 0}):
        with refused("two steps and one sequence", "ask for more", error=SpecError):
            builtin_adding(**wrong)
