from __future__ import annotations

import pytest

from unspool.tasks.transcribing.measures import commonest, error_rates


def test_errors_of_all_texts_together() -> None:
    rates = error_rates(["one two", "three"], ["one too", "three four"])
    assert rates["character_error_rate"] == pytest.approx(6 / 12)  # one other letter, " four"
    assert rates["word_error_rate"] == pytest.approx(2 / 3)
    assert rates["exact_match"] == 0


def test_texts_count_as_they_are_written() -> None:
    assert error_rates(["one two", "\u00e9"], [" one  two ", "e\u0301"]) == {
        "character_error_rate": 0,
        "word_error_rate": 0,
        "exact_match": 1,
    }


def test_reading_nothing_is_an_error_for_each_character() -> None:
    assert error_rates(["one two"], [""]) == {"character_error_rate": 1, "word_error_rate": 1, "exact_match": 0}


def test_the_commonest_text_for_all() -> None:
    assert commonest(["b", "a", "b"], ["b", "aa"]) == {"the commonest text, character error rate": pytest.approx(2 / 3)}
