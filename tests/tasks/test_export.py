"""A model as one file for others: smaller, with its card, without what only a training needs."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
import torch

import unspool
from tests.tasks.made import LANGUAGE, language, story, write_model
from tests.tasks.pen.made import handwriting, inks, pen
from unspool.cli.main import run
from unspool.errors import CheckpointError, SpecError
from unspool.tasks.shelf import describe_model
from unspool.training import checkpoint
from unspool.training.compact import WEIGHTS, Weights

torch.set_num_threads(1)
CARD = "# A model\n\nLearned from [strokes](https://example.org), CC BY 4.0.\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def learned(data: Any, task: str, steps: int, **options: Any) -> Path:
    return unspool.train(task, data, steps=steps, out="run", **options).path


def document(path: Path | str) -> dict[str, Any]:
    return checkpoint.read_document(Path(path), "model")[1]


def test_rounded_weights_cost_next_to_nothing() -> None:
    learned(inks(), "handwriting", 60, **pen(learning_rate=0.02, prediction=True))
    first = unspool.load("run").evaluate(inks())["validation_loss"]
    sizes = {}
    for weights in WEIGHTS:
        written = unspool.export("run", f"{weights}.safetensors", weights=weights)
        model = unspool.load(written.file)
        assert all(parameter.dtype == torch.float32 for parameter in model.model.parameters())
        loss = model.evaluate(inks())["validation_loss"]
        assert abs(loss - first) < 0.005 and (loss == first) == (weights == "f32")
        sizes[weights] = Path(f"{weights}.safetensors").stat().st_size
        assert written.bytes == sizes[weights] and written.weights == describe_model("run")["weights"]
    assert sizes["int8"] < sizes["bf16"] < sizes["f32"]


@pytest.mark.parametrize("weights", WEIGHTS)
def test_every_task_can_be_exported(weights: Weights) -> None:
    path = write_model(language(tied=True), Path("model.safetensors"))
    unspool.export(path, "small.safetensors", weights=weights)
    ours, theirs = (unspool.load(file).model.state_dict() for file in (path, "small.safetensors"))
    for name, weight in ours.items():
        torch.testing.assert_close(theirs[name], weight, atol=0.01, rtol=0.01)
        if weight.dim() == 1:
            assert torch.equal(theirs[name], weight)
    assert document("small.safetensors") == {**document(path), "weights": weights}
    assert unspool.load("small.safetensors").sample("the", length=5)


def test_an_exported_model_is_exported_again_and_gone_on_from() -> None:
    path = learned([unspool.Text(story())], "language", 2, **LANGUAGE)
    unspool.export(path, "a.safetensors", weights="int8", card=CARD)
    unspool.export("a.safetensors", "b.safetensors", weights="int8")
    one, other = (checkpoint.read(Path(name), "model") for name in ("a.safetensors", "b.safetensors"))
    assert one[1] == other[1] and one[1]["card"] == CARD
    assert all(torch.allclose(one[0][name], other[0][name], rtol=1e-6) for name in one[0])
    onward = unspool.train("language", [unspool.Text(story())], steps=2, base="a.safetensors", out="onward")
    assert "card" not in document(onward.path / "model.safetensors")  # it is another model


def test_noise_of_weights_is_left_out() -> None:
    """It is as large as all weights, and only training draws from it."""
    path = write_model(handwriting(adaptive_weight_noise=True), Path("noisy.safetensors"))
    unspool.export(path, "plain.safetensors")
    names = describe_model("plain.safetensors")["tensors"]
    assert names.keys() == checkpoint.parameters(handwriting().model).keys()
    assert unspool.load("plain.safetensors").evaluate(inks()) == unspool.load(path).evaluate(inks())


def test_names_of_folders_stay_at_home() -> None:
    Path("secret").mkdir()
    Path("secret/held.txt").write_text(story(seed=4), encoding="utf-8")
    task = language(validation="secret/held.txt")
    unspool.export(write_model(task, Path("model.safetensors")), "small.safetensors")
    assert document("small.safetensors")["options"]["validation"] == "held.txt"
    assert b"secret" not in Path("small.safetensors").read_bytes()
    assert unspool.load("small.safetensors").score("the").shape == (3,)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_weights_stay_in_the_form_that_they_have(weights: Weights, capsys: pytest.CaptureFixture[str]) -> None:
    unspool.export(write_model(language(), Path("model.safetensors")), "first.safetensors", weights=weights)
    assert unspool.export("first.safetensors", "again.safetensors").stored_as == weights
    assert Path("again.safetensors").stat().st_size == Path("first.safetensors").stat().st_size
    assert document("again.safetensors")["weights"] == weights
    assert run(["export", "first.safetensors", "told.safetensors"]) == 0
    assert f"weights as {weights} in" in capsys.readouterr().err
    unspool.export("first.safetensors", "whole.safetensors", weights="f32")
    assert document("whole.safetensors")["weights"] == "f32"


def test_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", ".small.safetensors.1.tmp")

    path = write_model(language(), Path("model.safetensors"))
    monkeypatch.setattr(checkpoint.os, "fsync", full)
    for left in ("nothing was written", "the file that was there is untouched"):
        with pytest.raises(CheckpointError) as caught:
            unspool.export(path, "small.safetensors", force=True)
        assert str(caught.value) == (
            f"small.safetensors could not be written (No space left on device); {left}: free some space, or choose "
            "another place"
        )
        Path("small.safetensors").write_bytes(b"mine")
    assert not list(Path().glob(".*"))


def test_what_is_refused() -> None:
    path = write_model(language(), Path("model.safetensors"))
    before = path.read_bytes()
    with pytest.raises(SpecError, match=r"ends in \.safetensors, got model\.onnx"):
        unspool.export(path, "model.onnx")
    with pytest.raises(CheckpointError, match="is the model that is to be exported"):
        unspool.export(path, "./model.safetensors", weights="bf16", force=True)
    Path("there.safetensors").write_bytes(b"mine")
    with pytest.raises(CheckpointError, match="--force"):
        unspool.export(path, "there.safetensors")
    with pytest.raises(SpecError, match="way to store weights 'int4'"):
        unspool.export(path, "new.safetensors", weights="int4")  # type: ignore[arg-type]
    with pytest.raises(CheckpointError) as caught:
        unspool.export(path, "nowhere/new.safetensors")
    told = (
        "nowhere/new.safetensors could not be written, as there is no folder nowhere; make it, or choose another place"
    )
    assert str(caught.value) == told
    with pytest.raises(CheckpointError, match=r"no model file at gone\.safetensors"):
        unspool.export("gone.safetensors", "new.safetensors")
    assert path.read_bytes() == before and Path("there.safetensors").read_bytes() == b"mine"
    unspool.export(path, "there.safetensors", force=True)
    assert unspool.load("there.safetensors").score("the").shape == (3,)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    write_model(language(), Path("model.safetensors"))
    Path("card.md").write_text(CARD, encoding="utf-8")
    command = ["export", "model.safetensors", "small.safetensors", "--weights", "int8", "--card", "card.md"]
    assert run([*command, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == "small.safetensors" and told["bytes"] == Path("small.safetensors").stat().st_size
    assert run(command) == 1 and "--force" in capsys.readouterr().err
    assert run([*command, "--force"]) == 0
    out, error = capsys.readouterr()
    assert out == "" and "weights as int8 in 0.0" in error and "small.safetensors" in error
    assert run(["info", "small.safetensors"]) == 0
    shown = capsys.readouterr().out
    assert CARD.strip() in shown and "stored as: int8" in shown
    assert run(["info", "small.safetensors", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["card"] == CARD
    Path("latin.md").write_bytes(b"caf\xe9")
    for card in ("gone.md", "latin.md"):
        assert run([*command[:5], "--card", card, "--force"]) == 1
        assert f"{card} cannot be read" in capsys.readouterr().err
