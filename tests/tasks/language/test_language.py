from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import unspool
from tests.tasks.made import LANGUAGE, language, story, write_model
from unspool.data.ngram import witten_bell
from unspool.errors import DataError, SpecError
from unspool.tasks.language.language import Language


def slow_loss(task: Language, text: str, lanes: int) -> tuple[float, int]:
    """The protocol, literally: lanes one after the other, from the zero state, one symbol at a time."""
    ids = task.vocabulary.encode(text).tolist()
    length = (len(ids) - 1) // lanes
    nats = 0.0
    with torch.no_grad():
        for lane in range(lanes):
            state = task.model.init_state(1)
            for place in range(lane * length, (lane + 1) * length):
                scores, state = task._step(torch.tensor([ids[place]]), state)
                nats -= float(scores[0].double().log_softmax(-1)[ids[place + 1]])
    return nats / (lanes * length), lanes * length


@pytest.mark.parametrize(("words", "lanes"), [(60, 1), (230, 4), (1700, 20)])
def test_validation_reads_lanes_from_zero_and_carries_the_state(words: int, lanes: int) -> None:
    task = language(layers=2, cell="gru")
    text = story(words, seed=5)
    assert max(1, min(20, len(text) // 200)) == lanes
    expected, count = slow_loss(task, text, lanes)
    found = task.evaluate([unspool.Text(text)])
    assert found["validation_loss"] == pytest.approx(expected, abs=1e-5)
    assert found["symbols"] == count
    assert found["perplexity"] == pytest.approx(math.exp(expected), rel=1e-5)


def test_bits_per_character_counts_characters() -> None:
    text = story(500)
    characters, size = len(text), len(text.encode())
    assert size > characters
    as_bytes = language(text, unit="byte").evaluate([unspool.Text("né" * 300)])
    assert as_bytes["bits_per_character"] == pytest.approx(as_bytes["validation_loss"] * 1.5 / math.log(2))
    as_characters = language(text).evaluate([unspool.Text("né" * 300)])
    assert as_characters["bits_per_character"] == pytest.approx(as_characters["validation_loss"] / math.log(2))


def test_the_end_of_the_text_is_held_out() -> None:
    text = story(400)
    task = language(text, validation="0.2")
    border = int(len(text) * 0.8)
    assert task.vocabulary.decode(task.train_ids) == text[:border]
    assert task.vocabulary.decode(task.validation_ids) == text[border:]
    assert task.describe()["split"] == "validation on the last 0.2 of the text"
    found = task.evaluate([unspool.Text(text)])
    assert found == {**task.metrics(), "split": task.split}
    assert found["symbols"] < len(text) * 0.21
    other = task.evaluate([unspool.Text(text + "a")])
    assert other["split"] == "the whole of the given text" and other["symbols"] > len(text) * 0.9


def test_a_short_text_validates_on_itself() -> None:
    task = language("to be or not to be, " * 9)
    assert "fewer than 200" in task.split
    np.testing.assert_array_equal(task.train_ids, task.validation_ids)


def test_validation_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "held.txt").write_text("a cat № 7 " * 30, encoding="utf-8")
    task = language(validation=str(tmp_path / "held.txt"))
    assert "№" in task.vocabulary.symbols and len(task.validation_ids) == 300
    assert task.split == "validation on held.txt"


def test_the_bar_is_a_5_gram_model(tmp_path: Path) -> None:
    task = language()
    expected = witten_bell(task.train_ids, task.validation_ids, len(task.vocabulary), order=5)
    assert task.baseline() == {"5-gram": expected}
    session = unspool.begin("language", [unspool.Text(story())], options=LANGUAGE, out=str(tmp_path / "run"))
    assert session.task.baselines == task.baseline()


def test_options_are_chosen_from_the_text() -> None:
    chosen = language().options
    assert chosen.cell == "lstm" and chosen.embedding_size == 16 and chosen.learning_rate
    assert language(tied=True, skip=True, layers=3).options.embedding_size == 16
    assert language("abc" * 30, batch_size=None, window=None).options.window
    with pytest.raises(DataError, match="longer than one window"):
        language("abc" * 10, window=16)
    with pytest.raises(SpecError, match="all set"):
        Language(type(chosen)(), language().vocabulary).build()


def test_the_same_seed_gives_the_same_weights() -> None:
    left, right, other = language(seed=1), language(seed=1), language(seed=2)
    for name, weight in left.model.state_dict().items():
        assert torch.equal(weight, right.model.state_dict()[name])
    assert not torch.equal(left.model.output.weight, other.model.output.weight)


@pytest.mark.parametrize("unit", ["char", "byte"])
def test_a_model_file_is_the_same_model(unit: str, tmp_path: Path) -> None:
    task = language(unit=unit, tied=True, skip=True, layers=2)
    again = unspool.load(write_model(task, tmp_path / "m.safetensors"))
    assert isinstance(again, Language)
    assert again.options == task.options and again.vocabulary == task.vocabulary
    np.testing.assert_array_equal(again.score("the cat"), task.score("the cat"))
    assert again.sample("the ", length=30) == task.sample("the ", length=30)
    assert write_model(again, tmp_path / "n.safetensors").stat().st_size < 100_000
