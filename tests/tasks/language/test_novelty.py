from __future__ import annotations

import numpy as np
import pytest

from tests.tasks.made import language, story
from unspool.data.vocabulary import CharVocabulary
from unspool.errors import SpecError
from unspool.tasks.language.novelty import novelty

TEXT = "line one\nand the second line\nthe end"
VOCABULARY = CharVocabulary(TEXT + "xyz")
CORPUS = VOCABULARY.encode(TEXT)


def test_what_is_copied_and_from_where() -> None:
    text = "xxxthe second lixx" + "the end"
    found = novelty(VOCABULARY.encode(text), CORPUS, VOCABULARY, 5)
    assert found.longest == "the second li"
    assert found.place == TEXT.index("the second li") and found.line == 2
    assert found.share == pytest.approx((len("the second li") + len("the end")) / len(text))
    assert str(found) == (
        "longest substring of the training text: 13 symbols, 'the second li', at symbol 13, line 2; "
        "80.0% lies in such of at least 5"
    )
    assert novelty(VOCABULARY.encode(text), CORPUS, VOCABULARY, 8).share == pytest.approx(13 / len(text))


def test_all_and_nothing() -> None:
    whole = novelty(CORPUS, CORPUS, VOCABULARY)
    assert (whole.length, whole.share, whole.place, whole.line, whole.least) == (len(TEXT), 1.0, 0, 1, 20)
    one = str(novelty(VOCABULARY.encode("xty"), CORPUS, VOCABULARY))
    assert one.startswith("longest substring of the training text: 1 symbol, 't', at symbol ")
    nothing = novelty(VOCABULARY.encode("xyz"), CORPUS, VOCABULARY)
    assert (nothing.longest, nothing.share) == ("", 0.0)
    assert str(nothing) == "nothing of it stands in the training text"
    assert novelty(np.empty(0, np.int64), CORPUS, VOCABULARY).share == 0.0


def test_a_model_measures_against_what_it_was_trained_on() -> None:
    task = language()
    copied = story()[40:90]
    assert task.novelty(copied).longest == copied and task.novelty(copied).place == 40
    held_out = story()[-50:]
    assert task.novelty(held_out).length < 50
    assert task.novelty("catcat", task.vocabulary.encode("a cat")).length == 3
    task.train_ids = np.empty(0, np.uint8)
    with pytest.raises(SpecError, match="has not at hand; pass it"):
        task.novelty(copied)
