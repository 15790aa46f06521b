from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

import unspool
from tests.tasks.made import LANGUAGE, language, story, write_model
from unspool.data import cache
from unspool.data.marks import Marked
from unspool.data.vocabulary import CharVocabulary
from unspool.errors import CheckpointError, SpecError
from unspool.tasks.language.language import Language
from unspool.tasks.language.options import LanguageOptions
from unspool.training.options import Budget

UNITS = {"char": "character", "byte": "byte", "word": "word", "bpe": "token"}
NAMES = {"French": "Amélie Zoé Hugo", "Irish": "Brian Órla Saoirse", "Dutch": "Jan Piet Anouk"}


def pairs(count: int = 40) -> list[tuple[str, str]]:
    return [
        (name + "e" * (n % 3), label) for n in range(count) for label, names in NAMES.items() for name in names.split()
    ]


def table(path: Path, rows: list[tuple[str, str]]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("name", "nation"), *rows])
    return str(path)


def prepared(data: object, base: Language | None = None, **options: object) -> Language:
    chosen = LanguageOptions(**{**LANGUAGE, **options})
    return Language.prepare(chosen, data, Budget("steps", 30), base)


@pytest.mark.parametrize("unit", UNITS)
def test_a_model_of_every_unit_is_stored_and_read(unit: str, tmp_path: Path) -> None:
    task = language(story(2000), unit=unit)
    assert (task.unit, task.noun) == (f"nats a {UNITS[unit]}", f"{UNITS[unit]}s")
    described = task.describe()
    assert described["symbols"] == len(task.vocabulary) and described[f"training_{UNITS[unit]}s"] == len(task.train_ids)
    again = unspool.load(write_model(task, tmp_path / "m.safetensors"))
    assert isinstance(again, Language) and again.vocabulary == task.vocabulary and again.unit == task.unit
    np.testing.assert_array_equal(again.score("the cat sat"), task.score("the cat sat"))
    assert again.sample("the", length=20) == task.sample("the", length=20)
    text = story(300, seed=9)
    found = task.evaluate([unspool.Text(text)])
    share = len(task.vocabulary.encode(text)) / len(task.vocabulary.decode(task.vocabulary.encode(text)))
    assert found["bits_per_character"] == pytest.approx(found["validation_loss"] * share / np.log(2))


@pytest.mark.parametrize("unit", UNITS)
def test_the_held_out_part_begins_with_a_document(unit: str, tmp_path: Path) -> None:
    task = language(story(3000), unit=unit, documents="line", validation="0.3")
    vocabulary = task.vocabulary
    assert isinstance(vocabulary, Marked) and vocabulary.marks == ("document",)
    assert task.validation_ids[0] == task.train_ids[0] == vocabulary.first_mark
    assert task.split == "validation on the last 0.3 of the documents"
    lines = [line for line in story(3000).split("\n") if line.strip()]
    assert task.describe()["documents"] == len(lines)
    whole = vocabulary.decode(np.concatenate([task.train_ids, task.validation_ids]))
    assert whole == "\n".join(" ".join(line.split()) if unit == "word" else line for line in lines)
    assert len(task.validation_ids) == pytest.approx(0.3 * len(whole) * len(task.train_ids) / len(whole) / 0.7, rel=0.1)
    again = unspool.load(write_model(task, tmp_path / "m.safetensors"))
    assert again.vocabulary == vocabulary  # type: ignore[attr-defined]
    assert task.evaluate([unspool.Text(story(3000))])["split"] == task.split


def test_a_single_document_is_split_where_any_text_is() -> None:
    task = language(documents="file")
    assert task.split == "validation on the last 0.1 of the text"
    assert len(task.validation_ids) == len(story()) + 1 - int((len(story()) + 1) * 0.9)


@pytest.mark.parametrize("unit", UNITS)
def test_labels_are_learned_from_a_column(unit: str, tmp_path: Path) -> None:
    rows = pairs()
    path = table(tmp_path / "names.csv", rows)
    task = prepared([path], unit=unit, condition="nation", column="name", seed=3)
    assert task.vocabulary.marks == ("Dutch", "French", "Irish")
    described = task.describe()
    assert (described["documents"], described["labels"]) == (len(rows), 3)
    assert "shuffled" in described["split"]
    held = task.validation_ids[task.validation_ids >= len(task.vocabulary.base)]
    assert set(held.tolist()) == {task.vocabulary.mark(label) for label in NAMES}  # type: ignore[attr-defined]
    assert task.validation_ids[0] >= len(task.vocabulary.base)
    task.model = task.build()
    assert task.evaluate([path]) == {**task.metrics(), "split": task.split}
    other = table(tmp_path / "other.csv", rows[:30])
    assert task.evaluate([other])["split"] == "the whole of the given text"


def test_a_conditional_run_goes_on(tmp_path: Path) -> None:
    path = table(tmp_path / "names.csv", pairs())
    given = {**LANGUAGE, "condition": "nation", "column": "name"}
    whole = unspool.train("language", [path], steps=4, out=str(tmp_path / "a"), **given)
    unspool.train("language", [path], steps=2, out=str(tmp_path / "b"), **given)
    unspool.resume(tmp_path / "b", steps=4)
    assert unspool.load(tmp_path / "b").vocabulary == unspool.load(whole.path).vocabulary  # type: ignore[attr-defined]
    table(tmp_path / "names.csv", pairs()[1:])
    with pytest.raises(CheckpointError, match="has changed"):
        unspool.resume(tmp_path / "b", steps=6)


def test_built_in_data_have_labels_too() -> None:
    task = prepared(None, condition="label")
    assert task.vocabulary.marks == ("code", "prose")


def test_a_base_takes_in_new_symbols_unless_they_are_left_out() -> None:
    base = language("abc " * 100)
    grown = prepared([unspool.Text("abd " * 100)], base)
    assert grown.vocabulary == CharVocabulary(" abcd")
    assert prepared([unspool.Text("abd " * 100)], base, unknown="skip").vocabulary is base.vocabulary
    marked = prepared([unspool.Text("abd\n" * 100)], base, documents="line")
    assert marked.vocabulary == Marked(CharVocabulary(" abcd"), ["document"])
    words = language("a a b b " * 60, unit="word")
    assert prepared([unspool.Text("c c a b " * 60)], words, unit="word").vocabulary.symbols == ("a", "b", "<unk>", "c")


def test_the_characters_of_the_held_out_file_are_known(tmp_path: Path) -> None:
    held = tmp_path / "held.txt"
    held.write_text("xyz " * 30)
    assert language("abc " * 100, validation=str(held)).vocabulary == CharVocabulary(" abcxyz")
    base = language("abc " * 100)
    grown = prepared([unspool.Text("abd " * 100)], base, validation=str(held))
    assert grown.vocabulary == CharVocabulary(" abcdxyz")
    words = language("a a b " * 60, unit="word", validation=str(held))
    assert words.vocabulary.symbols == ("a", "b", "<unk>")  # the words of the training text alone


def test_the_share_of_unknown_words_is_told() -> None:
    task = language("a b " * 90 + "c d e f " + "a b " * 8, unit="word", validation="0.1")
    assert task.vocabulary.symbols == ("a", "b", "<unk>")
    assert task.describe()["unknown_words"] == f"{4 / 20:.1%} of the held-out text"
    assert "unknown_words" not in language().describe()


def test_a_large_text_is_trained_from_its_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = tmp_path / "x.txt"
    text.write_text(story(1500), encoding="utf-8")
    small = unspool.train("language", [text], steps=2, out=str(tmp_path / "a"), **LANGUAGE)
    monkeypatch.setenv("UNSPOOL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "FROM_BYTES", 1)
    large = unspool.train("language", [text], steps=2, out=str(tmp_path / "b"), **LANGUAGE)
    assert large.metrics == small.metrics
    unspool.resume(tmp_path / "b", steps=3)
    assert len(list((tmp_path / "cache").iterdir())) == 1
    assert large.model.fingerprint == small.model.fingerprint


def test_options_that_exclude_each_other() -> None:
    with pytest.raises(SpecError, match="--condition makes a row a document"):
        prepared(None, condition="label", documents="line")
    with pytest.raises(SpecError, match="at least 256 for bpe"):
        prepared(None, unit="bpe", vocabulary_size=100)
