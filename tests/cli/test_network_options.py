"""Every option of the network from the command line: train, stop and go on, evaluate, write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.tasks.made import LANGUAGE, flags, language, story
from unspool.cli.main import run
from unspool.errors import SpecError
from unspool.nets.noise import AdaptiveWeightNoise
from unspool.tasks.language.options import LanguageOptions
from unspool.tasks.load import load
from unspool.tasks.start import Session, begin, reopen
from unspool.training import checkpoint
from unspool.training.options import Budget
from unspool.training.state import Training

SMALL = {"dropout": 0.1, "batch_size": 4, "window": 16}
SIZED = ["--hidden-size", "12", "--layers", "2"]
CASES: list[tuple[list[str], str | None]] = [  # flags, and why the native generator leaves the writing to the loop
    ([*SIZED, "--transition-layers", "1"], "the native generator has no DeepTransition"),
    ([*SIZED, "--layer-norm", "--cell", "gru"], "the native generator has no LayerNormGRU"),
    ([*SIZED, "--residual", "--no-skip"], "the native generator has no residual connections"),
    (["--hidden-sizes", "12,7"], None),
    ([*SIZED, "--weight-dropout", "0.5", "--embedding-dropout", "0.1"], None),
    ([*SIZED, "--weight-dropout", "0.5", "--recompute"], None),
    ([*SIZED, "--weight-noise", "0.05"], None),
    ([*SIZED, "--adaptive-weight-noise"], None),
    ([*SIZED, "--adaptive-weight-noise", "--weight-noise", "0.02", "--recompute", "--tied", "--no-skip"], None),
]
ALL_NOISE = {"weight_dropout": 0.3, "embedding_dropout": 0.2, "adaptive_weight_noise": True, "recompute": True}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("story.txt").write_text(story(), encoding="utf-8")


@pytest.mark.parametrize(("chosen", "reason"), CASES, ids=[" ".join(chosen) for chosen, _ in CASES])
def test_train_resume_evaluate_sample(
    chosen: list[str], reason: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    before = torch.random.get_rng_state()
    command = ["train", "language", "story.txt", *flags(SMALL), *chosen, "--no-baseline", "--quiet"]
    assert run([*command, "--steps", "6", "--out", "run"]) == 0
    assert run(["resume", "run", "--steps", "8", "--quiet"]) == 0
    assert torch.equal(torch.random.get_rng_state(), before)
    capsys.readouterr()
    assert run(["evaluate", "run"]) == 0
    assert "bits per character" in capsys.readouterr().out
    texts = []
    for _ in range(2):
        assert run(["sample", "run", "--length", "30", "--seed", "3"]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1] and len(texts[0]) == 31
    lm: Any = load("run")
    assert lm.generator() == reason if reason else not isinstance(lm.generator(), str)


def test_a_stopped_training_with_noise_goes_on_bit_by_bit() -> None:
    for out, stop in (("whole", None), ("stopped", 7)):
        options = {**LANGUAGE, **ALL_NOISE}
        session = begin("language", ["story.txt"], options=options, budget=Budget("steps", 16), out=out, baseline=False)
        for event in session.events:
            if event.step == stop:
                break
        session.close()
    again = reopen("stopped")
    assert isinstance(again, Session)
    for _ in again.events:
        pass
    for name in ("model.safetensors", "last.safetensors"):
        assert Path("whole", name).read_bytes() == Path("stopped", name).read_bytes()
    tensors, _ = checkpoint.read(Path("whole/model.safetensors"), "model")
    spread = tensors["noise.log_variance.stack-layers-0-cell-weight_hh"]
    assert spread.std() > 0 and spread.numel() == tensors["stack.layers.0.cell.weight_hh"].numel()


def test_weight_decay_leaves_the_variances_alone() -> None:
    task = language(adaptive_weight_noise=True)
    noise = task.model.noise
    assert isinstance(noise, AdaptiveWeightNoise)
    groups = Training(task).optimizer.param_groups
    decayed = {id(parameter) for group in groups if group["weight_decay"] for parameter in group["params"]}
    assert decayed and not decayed & {id(vector) for vector in noise.log_variance.values()}


def test_the_loss_that_is_shown_is_of_the_data_alone() -> None:
    """Noise that has all but gone leaves the loss as it is without; its cost is in the gradient."""
    losses, gradients = [], []
    for chosen in ({}, {"adaptive_weight_noise": True, "weight_noise": 1e-6}):
        task = language(**chosen)
        task.model.train()
        result = task.loss(next(task.batches()), None, torch.Generator().manual_seed(0))
        result.sum.backward()
        losses.append(result.sum.item())
        gradients.append(task.model.output.weight.grad)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert not torch.allclose(gradients[0], gradients[1], rtol=1e-2)
    spreads = task.model.noise.log_variance.values()
    share = next(task.batches()).targets.numel() / len(task.train_ids)
    for vector in spreads:  # d KL / d log sigma^2 = (sigma^2 / prior variance - 1) / 2, here -1/2
        torch.testing.assert_close(vector.grad, torch.full_like(vector, -share / 2), rtol=0.02, atol=0.01)


@pytest.mark.parametrize("wrong", ["256;512", "0,4", "4,", ",", "-3", "99999", "a" * 5000, "1," * 64 + "1", "٣"])
def test_sizes_that_are_none(wrong: str) -> None:
    with pytest.raises(SpecError) as caught:
        _ = LanguageOptions(hidden_sizes=wrong).sizes
    assert str(caught.value) == (
        "--hidden-sizes must be at most 64 numbers from 1 to 65536 with commas between them, from the lowest layer up, "
        f"got {wrong[:80]!r}; write 256,512 for two layers"
    )


def test_sizes_that_are_some(capsys: pytest.CaptureFixture[str]) -> None:
    assert LanguageOptions(hidden_sizes=" 256, 512").sizes == [256, 512]
    assert LanguageOptions(hidden_size=3, layers=2).sizes == [3, 3]
    assert LanguageOptions(hidden_size=3).sizes == []
    command = ["train", "language", "story.txt", *flags(SMALL), "--hidden-sizes", "9,8", "--steps", "2", "--quiet"]
    assert run([*command, "--layers", "2"]) == 2
    assert "--hidden-sizes says how many units every layer has; leave out --hidden-size" in capsys.readouterr().err
    assert run([*command, "--out", "run"]) == 0
    base = ["train", "language", "story.txt", *flags(SMALL), "--from", "run", "--steps", "2", "--quiet"]
    assert run(base) == 0
    assert run([*base, "--hidden-sizes", "9,9"]) == 2
    assert "--hidden-sizes is fixed by --from: the model has '9,8', got '9,9'" in capsys.readouterr().err


def test_a_network_grows(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["train", "language", "story.txt", *flags(SMALL), "--steps", "2", "--no-baseline"]
    assert run([*command, "--hidden-size", "12", "--layers", "1", "--out", "small", "--quiet"]) == 0
    assert run([*command, "--from", "small", "--hidden-size", "18", "--layers", "2", "--out", "large"]) == 0
    assert "the network grows from 1x12 to 2x18 and begins as what it was" in capsys.readouterr().err
    assert run(["resume", "large", "--steps", "4", "--quiet"]) == 0
    assert run(["info", "large", "--json"]) == 0
    options = json.loads(capsys.readouterr().out)["options"]
    assert (options["hidden_size"], options["layers"]) == (18, 2)
    assert run([*command, "--from", "large", "--hidden-size", "17"]) == 2
    told = "--hidden-size must be at least what it is in the model of --from: the model has 18, got 17; leave it out"
    assert told in capsys.readouterr().err


def test_a_network_that_learned_without_adaptive_noise_goes_on_with_it(tmp_path: Path) -> None:
    """And without again, and to new symbols, for which the noise of their vectors starts anew."""
    Path("other.txt").write_text(story() + "ЖЖЖ" * 9, encoding="utf-8")
    command = ["train", "language", *flags(SMALL), "--quiet", "--steps", "2", "--no-baseline"]
    assert run([*command, "story.txt", *SIZED, "--out", "plain"]) == 0
    assert run([*command, "story.txt", "--from", "plain", "--adaptive-weight-noise", "--out", "noisy"]) == 0
    assert run([*command, "other.txt", "--from", "noisy", "--adaptive-weight-noise", "--out", "grown"]) == 0
    assert run([*command, "story.txt", "--from", "noisy", "--out", "again"]) == 0
    noisy, grown, again = (
        checkpoint.read(Path(name, "model.safetensors"), "model")[0] for name in ("noisy", "grown", "again")
    )
    spread = "noise.log_variance.embedding-weight"
    assert len(grown[spread]) > len(noisy[spread]) == noisy["embedding.weight"].numel()
    assert not any(name.startswith("noise") for name in again)
