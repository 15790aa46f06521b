"""Every option does something: it changes weights, data or the network."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import unspool
from tests.tasks.made import CLASSIFIER, LANGUAGE, classifier, rows, story
from tests.tasks.pen.made import inks, pen
from tests.tasks.transcribing.made import signs
from unspool.errors import DataError
from unspool.tasks.forecasting.options import ForecasterOptions
from unspool.tasks.language.options import LanguageOptions
from unspool.tasks.pen.options import HandwritingOptions
from unspool.tasks.start import Run
from unspool.tasks.tagging.options import TaggerOptions
from unspool.tasks.transcribing.options import TranscriberOptions
from unspool.tasks.whole.classifier_options import ClassifierOptions
from unspool.training.options import NETWORK_OPTIONS, Budget, TrainingOptions

COMMON: dict[str, Any] = {
    "cell": "gru",
    "hidden_size": 12,
    "layers": 2,
    "dropout": 0.4,
    "recurrent_dropout": 0.4,
    "batch_size": 3,
    "learning_rate": 0.05,
    "optimizer": "sgd",
    "schedule": "step",
    "weight_decay": 5.0,
    "clip": 0.01,
    "validation": "0.4",
    "seed": 7,
    "skip": True,
    "peephole": True,
}
# where an option matters only beside another, both are given, and the other alone is what it is compared with
LANGUAGE_CASES: dict[str, Any] = {
    **COMMON,
    "unit": "byte",
    "documents": "line",
    "window": 9,
    "embedding_size": 5,
    "tied": True,
    "init_range": 0.5,
    "layer_norm": True,
    "transition_layers": 1,
    "weight_dropout": 0.4,
    "embedding_dropout": 0.4,
    "weight_noise": 0.1,
    "adaptive_weight_noise": True,
}
CLASSIFIER_CASES: dict[str, Any] = {
    **COMMON,
    "pooling": "max",
    "bidirectional": False,
    "class_weights": "balanced",
    "embedding_size": 5,
    "embedding_dropout": 0.4,
    "weight_dropout": 0.4,
    "augment": "strong",
    "causal": True,
    "layer_norm": True,
    "frame": 3,
    "init": "chrono",
    "members": 2,
    "ngrams": 3,
}
TAGGER_CASES: dict[str, Any] = {
    **COMMON,
    "class_weights": "balanced",
    "embedding_size": 5,
    "encoder": "linear",
    "causal": True,
    "window": 4,
    "augment": "strong",
}
HANDWRITING_CASES: dict[str, Any] = {
    **{name: value for name, value in COMMON.items() if name not in ("dropout", "skip")},
    "hidden_size": 7,
    "layers": 1,
    "components": 3,
    "window_components": 3,
    "points_per_letter": 6.0,
    "jitter": 0.4,
    "upright": False,
    "join": 3,
    "rarest": 2,
    "longest": 9,
    "clip_outputs": 1e-6,
    "clip_inputs": 1e-6,
    "weight_noise": 0.1,
    "adaptive_weight_noise": True,
    "prediction": True,
}
TRANSCRIBER_CASES: dict[str, Any] = {
    **COMMON,
    "unit": "word",
    "rarest": 20,
    "hold_out": "sequence 1*",
    "causal": True,
    "encoder": "conv",
    "frame": 2,
    "augment": "strong",
}
BESIDE: dict[str, tuple[dict[str, Any], Any]] = {
    "reset": ({"cell": "gru"}, "before"),
    "nonlinearity": ({"cell": "rnn"}, "relu"),
    "softmax": ({"unit": "byte"}, "adaptive"),
    "momentum": ({"optimizer": "sgd"}, 0.9),
    "decay": ({"schedule": "step", "hold": 0.0}, 0.1),
    "hold": ({"schedule": "step"}, 0.0),
    "skip": ({"layers": 2}, True),
    "residual": ({"layers": 2}, True),
    "vocabulary_size": ({"unit": "word"}, 5),
    "min_count": ({"unit": "word"}, 25),
    "hidden_sizes": ({"hidden_size": None, "layers": None}, "7,9"),
}
ELSEWHERE = {  # options that change no weight: the test that shows what they do
    "patience": "tests/training/test_stopping.py",
    "precision": "tests/laws/test_kernels.py",  # where the processor has bfloat16 products
    "unknown": "test_unknown",
    "corpus": "test_corpus",
    "column": "tests/tasks/test_language_reading.py",
    "condition": "tests/tasks/test_language_reading.py",
    "recompute": "test_recompute",
    "text_column": "test_columns",
    "label_column": "test_columns",
    "key": "tests/data/test_long.py",
    "group": "test_groups_stay_whole",
    "flatten": "test_flatten",
    "encoder": "tests/nets/test_pooled.py",
    "input": "tests/tasks/transcribing/test_transcriber.py",
    "resample": "tests/tasks/pen/test_layout.py",
    "smooth": "tests/tasks/pen/test_layout.py",
    "points_per_letter": "tests/tasks/transcribing/test_transcriber.py",
    "bands": "tests/tasks/transcribing/test_transcriber.py",
    "calibrate": "tests/tasks/test_calibration.py",
}


def outcome(task: str, out: Path, **options: Any) -> Any:
    budget = Budget("steps", 6)
    data: Any = {"language": [unspool.Text(story(200))], "classifier": labelled(), "tagger": videos(),
                 "handwriting": inks(24), "transcriber": signs(24)}[task]  # fmt: skip
    small = {"language": LANGUAGE, "handwriting": pen(**{"longest": 20, **options})}.get(task, CLASSIFIER)
    session = unspool.begin(task, data, options={**small, **options}, budget=budget, out=str(out), baseline=False)
    for _ in session.events:
        pass
    return session.folder.model.read_bytes().split(b'"output.weight"')[-1], session.training.place.metrics


def labelled() -> list[tuple[str, str]]:
    """Sequences of two classes, one of them rare."""
    return [(text, label) for number, (label, text) in enumerate(rows(48)) if label == "yes" or number % 4 == 0]


def videos() -> tuple[np.ndarray, np.ndarray]:
    """Pictures with a label each, one of them rare."""
    pictures = np.random.default_rng(0).normal(size=(24, 9, 4, 3))
    return pictures, np.where(pictures[..., 0, 0] > 1, "bright", "dark")


@pytest.mark.no_cover
@pytest.mark.parametrize(("task", "kind", "cases"), [
    ("language", LanguageOptions, LANGUAGE_CASES),
    ("classifier", ClassifierOptions, CLASSIFIER_CASES),
    ("tagger", TaggerOptions, TAGGER_CASES),
    ("handwriting", HandwritingOptions, HANDWRITING_CASES),
    ("transcriber", TranscriberOptions, TRANSCRIBER_CASES),
])  # fmt: skip
def test_every_option_does_something(
    task: str, kind: type[TrainingOptions], cases: dict[str, Any], tmp_path: Path
) -> None:
    names = {field.name for field in fields(kind)} - ({"dropout"} if task == "handwriting" else set())  # refused
    switched = {field.name: not field.default for field in fields(kind) if isinstance(field.default, bool)}
    assert names <= cases.keys() | BESIDE.keys() | ELSEWHERE.keys(), "an option that no test knows"
    plain = outcome(task, tmp_path / "plain")
    assert plain == outcome(task, tmp_path / "again")
    for name in sorted(names - ELSEWHERE.keys()):
        beside, value = BESIDE.get(name, ({}, cases.get(name)))
        value = switched.get(name, value)
        known = outcome(task, tmp_path / f"{name}-beside", **beside) if beside else plain
        assert outcome(task, tmp_path / name, **beside, **{name: value}) != known, name


def test_the_table_names_options_that_exist() -> None:
    kinds: tuple[type[TrainingOptions], ...] = (
        LanguageOptions, ClassifierOptions, TaggerOptions, ForecasterOptions, HandwritingOptions, TranscriberOptions,
    )  # fmt: skip
    known = {field.name for kind in kinds for field in fields(kind)}
    cases = (LANGUAGE_CASES, CLASSIFIER_CASES, TAGGER_CASES, HANDWRITING_CASES, TRANSCRIBER_CASES)
    assert known >= {*(name for table in cases for name in table), *BESIDE, *ELSEWHERE}
    assert known >= NETWORK_OPTIONS


def test_unknown(tmp_path: Path) -> None:
    base = run("language", [unspool.Text(story(200))], tmp_path / "base")
    text = [unspool.Text(story(200) + "Ж" * 9)]
    with pytest.raises(DataError):
        base.model.evaluate(text)
    added = unspool.begin("language", text, base=str(base.path), out=str(tmp_path / "fail"))
    assert "Ж" in added.task.vocabulary.symbols
    for how, count in (("skip", 0), ("replace", 9)):
        session = unspool.begin(
            "language", text, base=str(base.path), options={"unknown": how}, out=str(tmp_path / how)
        )
        length = len(session.task.train_ids) + len(session.task.validation_ids)
        assert length == len(story(200)) + count


def run(task: str, data: Any, out: Path, **options: Any) -> Run:
    return unspool.train(task, data, steps=2, out=str(out), **{**(LANGUAGE | options)})


def test_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from unspool.tasks.language import reading as language_reading

    monkeypatch.setattr(language_reading, "builtin_text", lambda name: unspool.Text(f"{name} " * 200))
    found = {}
    for corpus in ("docs", "python"):
        session = unspool.begin("language", options={**LANGUAGE, "corpus": corpus}, out=str(tmp_path / corpus))
        found[corpus] = set(session.task.vocabulary.symbols)
    assert found == {"docs": set("docs "), "python": set("python ")}


def test_recompute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from unspool.engine import recurrent

    calls = []
    real = recurrent.recomputed
    monkeypatch.setattr(recurrent, "recomputed", lambda *a, **k: (calls.append(1), real(*a, **k))[1])
    run("language", [unspool.Text(story(200))], tmp_path / "plain")
    assert not calls
    run("language", [unspool.Text(story(200))], tmp_path / "recomputed", recompute=True)
    assert calls


def test_flatten() -> None:
    rows = (np.arange(60.0).reshape(10, 3, 2), ["a", "b"] * 5)
    plain, flat = classifier(rows), classifier(rows, flatten=True)
    assert plain.width == 2 and flat.width == 1
    assert flat.training is not None and plain.training is not None
    np.testing.assert_array_equal(flat.training.arrays[0], plain.training.arrays[0].reshape(6, 1))
    assert len(flat.answers(rows[0])) == 10 and flat.longest == 6


def test_groups_stay_whole() -> None:
    table = {
        "text": [f"{'xy'[n % 2]}{n}" for n in range(60)],
        "label": list("ab") * 30,
        "who": [n // 4 for n in range(60)],
    }
    task = classifier(table, group="who")
    assert task.training is not None and task.held is not None and "whole groups" in task.split
    training, held = ({int(text[1:]) // 4 for text in part.texts} for part in (task.training, task.held))
    assert held and not training & held
    assert task.evaluate(table)["sequences"] == len(task.held)
    assert len(task.answers({"text": ["x1"]})) == 1


def test_columns(tmp_path: Path) -> None:
    table = {"a": ["xx", "yy"] * 9, "b": ["one", "two"] * 9, "c": ["zz"] * 18, "d": ["p", "q", "r"] * 6}
    for text, label in (("a", "b"), ("c", "b"), ("a", "d")):
        options = {**CLASSIFIER, "text_column": text, "label_column": label}
        session = unspool.begin("classifier", table, options=options, out=str(tmp_path / (text + label)))
        assert session.task.classes == tuple(sorted(set(table[label])))
        assert set(session.task.training.texts) == set(table[text])
