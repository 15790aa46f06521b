"""Options that would do nothing are refused, whether typed or given in Python."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import unspool
from tests.tasks.made import CLASSIFIER, LANGUAGE, classifier, flags, language, story
from unspool.cli.main import run
from unspool.errors import SpecError
from unspool.tasks.dependent import BELONGS
from unspool.tasks.language.language import Language
from unspool.tasks.language.options import LanguageOptions
from unspool.tasks.pen.options import HandwritingOptions
from unspool.tasks.whole.classifier_options import ClassifierOptions
from unspool.training.options import Budget

CASES: list[tuple[dict[str, Any], str]] = [
    ({"vocabulary_size": 300}, "--vocabulary-size belongs to --unit word or --unit bpe, got --unit char"),
    ({"vocabulary_size": 300, "unit": "byte"}, "got --unit byte"),
    ({"min_count": 3}, "--min-count belongs to --unit word, got --unit char"),
    ({"min_count": 1, "unit": "bpe"}, "got --unit bpe"),
    ({"momentum": 0.9}, "--momentum belongs to --optimizer sgd, got --optimizer adamw; add it, or leave this out"),
    ({"decay": 0.9}, "--decay belongs to --schedule step, got --schedule cosine"),
    ({"hold": 0.0}, "--hold belongs to --schedule step"),
    ({"peephole": True, "cell": "gru"}, "--peephole belongs to --cell lstm, got --cell gru"),
    ({"corpus": "python"}, "--corpus python is built-in text in place of DATA, got both"),
]


@pytest.mark.parametrize(("options", "sentence"), CASES, ids=[" ".join(case[0]) for case in CASES])
def test_an_option_that_would_do_nothing(
    options: dict[str, Any], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SpecError) as caught:
        language(**options)
    assert sentence in str(caught.value)
    shared = {field.name for field in fields(ClassifierOptions)}
    if set(options) <= shared:
        with pytest.raises(SpecError):
            classifier(**options)
    (tmp_path / "story.txt").write_text(story(), encoding="utf-8")
    command = ["train", "language", str(tmp_path / "story.txt"), *flags({**LANGUAGE, **options})]
    assert run([*command, "--steps", "1", "--out", str(tmp_path / "run")]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"min_count": 2, "momentum": 0.0, "decay": 0.5, "hold": 4.0, "corpus": "docs"},
        {"unit": "word", "vocabulary_size": 300, "min_count": 1},
        {"optimizer": "sgd", "momentum": 0.9, "schedule": "step", "decay": 0.9, "hold": 0.0, "peephole": True},
    ],
)
def test_an_option_beside_what_it_belongs_to(options: dict[str, Any]) -> None:
    language(**options)
    shared = {field.name for field in fields(ClassifierOptions)}
    classifier(**{name: value for name, value in {**CLASSIFIER, **options}.items() if name in shared})


def test_what_a_model_was_trained_with_is_not_judged_again() -> None:
    task = language()
    task.options = LanguageOptions(**{**LANGUAGE, "momentum": 0.9})
    assert Language.prepare(task.options, [unspool.Text(story())], Budget("steps", 3), task).options.momentum == 0.9


def test_the_table_names_options_that_exist() -> None:
    known = {field.name for options in (LanguageOptions, HandwritingOptions) for field in fields(options)}
    assert {*BELONGS, *(other for other, _ in BELONGS.values())} <= known
