from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import unspool
from tests.tasks.made import CLASSIFIER, classifier, rows, waves, write_model
from unspool.cli.main import run
from unspool.nets.pooled import PooledNet
from unspool.tasks.whole.saliency import LONGEST, Saliency, draw_saliency, gradient_times_input


@pytest.mark.parametrize("encoder", ["linear", "conv"])
def test_shares_are_first_order(encoder: str) -> None:
    """What a small change of one number does to the score is its share over the number."""
    torch.manual_seed(1)
    net = PooledNet(2, 3, cell="lstm", hidden_size=5, layers=1, pooling="mean", encoder=encoder).double().eval()
    x, lengths = torch.randn(6, 2, 2, dtype=torch.float64), torch.tensor([6, 4])

    def score(raw: torch.Tensor) -> torch.Tensor:
        return raw[:, 1]

    shares = gradient_times_input(net, x, lengths, score)
    assert [share.shape for share in shares] == [(6, 2), (4, 2)]
    for row, step, channel in ((0, 5, 1), (1, 0, 0), (1, 3, 1)):
        moved = x.clone()
        moved[step, row, channel] += 1e-6
        slope = (score(net(moved, lengths)) - score(net(x, lengths)))[row].item() / 1e-6
        assert shares[row][step, channel] == pytest.approx(slope * x[step, row, channel].item(), rel=1e-4)


@pytest.mark.no_cover
def test_the_letter_that_decides_is_found(tmp_path: Path) -> None:
    pairs = [(text, label) for label, text in rows(80)]
    options = {**CLASSIFIER, "learning_rate": 0.03, "hidden_size": 16}
    model = unspool.train("classifier", pairs, steps=80, out=str(tmp_path / "run"), **options).model
    texts = [text for _, text in rows(40, seed=3) if len(text) > 4]
    found = model.saliency({"text": texts})
    first = [np.abs(item.values).argmax() == 0 and item.values[0] > 0 for item in found]
    assert np.mean(first) > 0.7  # one in five or more letters, by chance at most 0.1
    assert [item.sequence for item in found] == texts
    assert all(len(item.values) == len(item.sequence) for item in found)
    assert len(model.saliency({"text": texts}, 2)) == 2


def test_the_picture(tmp_path: Path) -> None:
    for task, data in (
        (classifier(), {"text": ["yabc", "", "nab\tc한"]}),
        (classifier(waves(channels=2)), waves(3, channels=2)[0]),
    ):
        path = task.draw_saliency(data, tmp_path / f"{task.text}.png")
        assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_what_raises_all_classes_alike_decides_nothing() -> None:
    task = classifier()
    raw = torch.tensor([[1.0, 3.0, 0.5], [2.0, -1.0, 2.5]], dtype=torch.float64)
    logs = raw.log_softmax(1).amax(1)
    torch.testing.assert_close(task.decided(raw), logs - (1 - logs.exp()).log())
    torch.testing.assert_close(task.decided(raw + 5), task.decided(raw))


def found(values: np.ndarray, channels: tuple[str, ...] | None = None) -> Saliency:
    return Saliency(values, values, "answer", {}, channels)


@pytest.mark.parametrize("channels", [1, 8, 12, 30])
def test_every_channel_is_drawn_and_named(channels: int) -> None:
    values = np.random.default_rng(0).normal(size=(9, channels)).astype(np.float32)
    names = tuple(f"sensor {number}" for number in range(channels))
    axes, colours = draw_saliency([found(values, names)]).axes
    assert axes.images[0].get_array().shape == (channels, 9)
    assert tuple(label.get_text() for label in axes.get_yticklabels()) == names
    assert len(axes.lines) == (channels if channels <= 12 else 0)
    low, high = colours.get_ylim()
    assert high == -low == pytest.approx(np.abs(values).max())
    assert draw_saliency([found(values)]).axes[0].get_yticklabels()[0].get_text() == "1"


def test_long_texts_are_cut_and_short_ones_are_small() -> None:
    def text(length: int) -> Saliency:
        return Saliency("a" * length, np.ones(length, np.float32), "answer", {})

    axes = draw_saliency([text(LONGEST + 321)]).axes[0]
    assert axes.get_title("left") == "answer  (the first 2,000 of 2,321 characters)"
    assert len(axes.texts) == LONGEST
    figure = draw_saliency([text(10), text(4)])
    assert figure.axes[0].images[0].get_array().shape == (1, 10) and figure.get_figwidth() < 6


def test_the_command_prints_its_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, picture = write_model(classifier(), tmp_path / "m"), tmp_path / "why.png"
    command = ["predict", str(model), "--text", "yab", "--saliency"]
    assert run([*command, str(picture), "--json"]) == 0 and picture.exists()
    (answer,) = json.loads(capsys.readouterr().out)["predictions"]
    assert answer["read"] == "yab" and len(answer["saliency"]) == 3 and set(answer["probabilities"]) == {"no", "yes"}
    assert run([*command, str(picture)]) == 0
    assert capsys.readouterr().out.startswith(answer["label"])
    assert run([*command, "why.gif"]) == 2
    assert "--saliency must end in" in capsys.readouterr().err
    unwritten = tmp_path / "unwritten.png"
    assert run([*command, str(unwritten), "--output", str(tmp_path / "answers.png")]) == 2
    assert "predict without --output" in capsys.readouterr().err and not unwritten.exists()


def test_the_command_gives_shares_of_channels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = write_model(classifier(waves(channels=2)), tmp_path / "m")
    np.savez(tmp_path / "x.npz", X=np.ones((3, 7, 2)))
    given = [str(model), str(tmp_path / "x.npz"), "--saliency", str(tmp_path / "x.png")]
    assert run(["predict", *given, "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)["predictions"]
    assert [np.shape(answer["saliency"]) for answer in answers] == [(7, 2)] * 3


def test_steps_are_whole_numbers_and_the_unknown_is_told() -> None:
    axes = draw_saliency(classifier(waves()).saliency([np.ones((3, 1), np.float32)])).axes[0]
    assert all(float(tick).is_integer() for tick in axes.get_xticks())
    (found,) = classifier().saliency({"text": ["~~~y"]})
    assert found.unknown == 0.75 and found.sequence == "y" and found.plain()["unknown"] == 0.75
    assert "75% of the characters are unknown" in draw_saliency([found]).axes[0].get_title("left")
    (known,) = classifier().saliency({"text": ["yab"]})
    assert "unknown" not in known.plain() and "unknown" not in draw_saliency([known]).axes[0].get_title("left")
