from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data import ids as pieces
from unspool.data.marks import Marked, border, insert, with_marks
from unspool.data.vocabulary import ByteVocabulary, CharVocabulary, vocabulary_from_dict
from unspool.data.words import WordVocabulary
from unspool.errors import SpecError

LABELS = ("English", "French", "Irish")
TEXT = st.text(st.sampled_from("ab c"), min_size=1)


def bases(text: str) -> list:
    return [CharVocabulary(text), ByteVocabulary(), WordVocabulary.of([text])]


@given(st.lists(st.tuples(TEXT, st.integers(0, 2)), min_size=1, max_size=5))
def test_a_mark_begins_a_document_and_shows_as_a_line_end(documents):
    for base in bases("".join(text for text, _ in documents)):
        vocabulary = Marked(base, LABELS)
        texts = [base.decode(base.encode(text)) for text, _ in documents]
        ids, lengths = vocabulary.encode_all([text for text, _ in documents])
        marked = insert(ids, lengths, [mark for _, mark in documents], vocabulary.first_mark)
        assert vocabulary.decode(marked) == "\n".join(texts)
        complete = vocabulary.decoder()
        assert "".join(complete(int(number)) for number in marked) == "\n".join(texts)
        assert vocabulary.decoder("x")(vocabulary.first_mark) == "\n"
        names = [vocabulary.symbols[number] for number in marked if number >= vocabulary.first_mark]
        assert names == [f"<{LABELS[mark]}>" for _, mark in documents]
        if base.unit != "word":
            assert vocabulary.count_characters(marked) == sum(map(len, texts))


def test_symbols_are_those_of_the_base_then_the_marks():
    base = CharVocabulary("ab")
    vocabulary = Marked(base, LABELS)
    assert vocabulary.symbols == ("a", "b", "<English>", "<French>", "<Irish>")
    assert (vocabulary.unit, vocabulary.base, vocabulary.first_mark) == ("char", base, 2)
    assert [vocabulary.mark(label) for label in LABELS] == [2, 3, 4]
    assert vocabulary.mark(None) == 2 and vocabulary.start().tolist() == [2]
    assert Marked(base, ("a", "document")).start().tolist() == [3]
    assert vocabulary.encode("ba").tolist() == [1, 0]
    assert base.base is base and base.marks == () and with_marks(base, ()) is base


def test_it_survives_json_and_takes_in_another():
    for base in bases("ab"):
        vocabulary = Marked(base, LABELS)
        again = vocabulary_from_dict(json.loads(json.dumps(vocabulary.to_dict())))
        assert again == vocabulary and hash(again) == hash(vocabulary) and again != base and base != again
    one, other = Marked(CharVocabulary("ac"), ["x"]), Marked(CharVocabulary("bc"), ["y", "x"])
    assert one.merged(other) == Marked(CharVocabulary("abc"), ["x", "y"])
    assert one.merged(CharVocabulary("b")) == Marked(CharVocabulary("abc"), ["x"])
    assert CharVocabulary("b").merged(one) == Marked(CharVocabulary("abc"), ["x"])


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.data())
def test_the_border_is_the_nearest_mark(begins, data):
    ids = np.array(begins, dtype=np.uint8) + 7
    place = data.draw(st.integers(0, len(ids)))
    marks = [where for where in range(1, len(ids)) if begins[where]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "CHUNK", 3)
        found = border(ids, place, 8)
    assert found in marks if marks else found is None
    if marks:
        assert abs(found - max(place, 1)) == min(abs(mark - max(place, 1)) for mark in marks)


def test_refusals(refused):
    with refused("there is no label 'french'", "did you mean 'French'", error=SpecError):
        Marked(CharVocabulary("a"), LABELS).mark("french")
    for marks in ((), ("a", "a")):
        with refused("one or more, each once"):
            Marked(CharVocabulary("a"), marks)
    with refused("without any", "one with 1"):
        Marked(Marked(CharVocabulary("a"), ["x"]), ["y"])
    with refused("0..2", "3 came"):
        Marked(CharVocabulary("ab"), ["x"]).decode([3])
