"""The networks that write against a transcription of Graves (2013), step by step, in windows, padded."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.laws.cases import live_leaves
from tests.nets import graves
from unspool.cells import state as trees
from unspool.engine import explain
from unspool.errors import ShapeError, SpecError
from unspool.nets.scribe import PredictionNet, Scribe, SynthesisNet, shifted
from unspool.nets.window import Memory, finished, remembered

SYMBOLS, HIDDEN, COMPONENTS = 5, 4, 3
LENGTHS = [9, 4, 7]
BOTH = pytest.mark.parametrize("text", [False, True], ids=["prediction", "synthesis"])


def net(text: bool, dtype: torch.dtype = torch.float64, **options: Any) -> Scribe:
    torch.manual_seed(0)
    options = {"layers": 3, "components": COMPONENTS} | options
    made = SynthesisNet(SYMBOLS, HIDDEN, window=2, **options) if text else PredictionNet(HIDDEN, **options)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return made.to(dtype)


def memory(text: bool, dtype: torch.dtype = torch.float64) -> Memory | None:
    ids = torch.tensor([[0, 3, 1, 4], [2, 2, 0, 0], [4, 1, 0, 0]])
    return remembered(ids, SYMBOLS, [4, 2, 1], dtype=dtype) if text else None


def written(steps: int = 9, dtype: torch.dtype = torch.float64) -> Tensor:
    points = torch.randn(steps, 3, 3, generator=torch.Generator().manual_seed(2))
    points[..., 2] = (points[..., 2] > 0.8).float()
    return points.to(dtype)


@BOTH
def test_the_loss_of_a_fixed_batch_is_graves(text: bool) -> None:
    made, points, texts = net(text), written(), memory(text)
    nats, _ = made.nats(shifted(points), points, lengths=LENGTHS, memory=texts)
    for row, length in enumerate(LENGTHS):
        spelt = None if texts is None else texts.values[row, : int(texts.lengths[row])].numpy()
        expected = graves.score(made, points[:length, row].numpy(), spelt).nats
        assert float(nats[:, row].detach().sum()) == pytest.approx(expected, rel=1e-11)


def paper_size(made: torch.nn.Module) -> int:
    """Weights with one bias a gate, as in the paper; torch's cells have two."""
    return sum(value.numel() for name, value in made.named_parameters() if not name.endswith("bias_hh"))


def test_sizes_are_those_of_the_paper() -> None:
    assert paper_size(PredictionNet(400, 3)) == 3_368_121  # 3.4M, table 3
    assert paper_size(PredictionNet(900, 1)) == 3_366_121  # 3.4M
    assert paper_size(SynthesisNet(57, 400, 3)) == 3_653_751  # 3.7M, table 4
    assert PredictionNet(4, 1).head.size == 121


@BOTH
def test_derivatives_are_finite_differences(text: bool) -> None:
    made, points, texts = net(text, layers=2, components=2), written(4), memory(text)

    def function(x: Tensor, *_: Tensor) -> Tensor:
        return made.nats(x, points, None, [4, 0, 2], memory=texts)[0]

    at = (shifted(points).requires_grad_(), *made.parameters())
    assert torch.autograd.gradcheck(function, at, fast_mode=True)


@BOTH
def test_padding_is_inert(text: bool) -> None:
    made, points, texts = net(text), written(), memory(text)
    poisoned = points.clone()
    for row, length in enumerate(LENGTHS):
        poisoned[length:, row] = math.nan
    found = []
    for given in (points, poisoned):
        nats, state = made.nats(shifted(given), given, None, LENGTHS, memory=texts)
        grads = torch.autograd.grad(nats.sum(), list(made.parameters()))
        found.append([nats, *live_leaves(state), *grads])
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
    for row, length in enumerate(LENGTHS):
        assert bool((found[0][0][:length, row] != 0).all()) and not found[0][0][length:, row].any()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@BOTH
def test_step_by_step_is_the_whole_sequence(text: bool, dtype: torch.dtype) -> None:
    made, x, texts = net(text, dtype).eval(), shifted(written(dtype=dtype)), memory(text, dtype)
    names = ["0.phi", "0.kappa", "0.window", "2.c"] if text else ["0.i", "2.c"]
    whole = made(x, memory=texts, record=names)
    state, tolerance = made.init_state(3), 1e-12 if dtype == torch.float64 else 2e-5
    for t, point in enumerate(x):
        raw, state, record = made.step(point, state, texts)
        torch.testing.assert_close(raw, whole.raw[t], rtol=0, atol=tolerance)
        for name in names:
            torch.testing.assert_close(record[name], whole.record[name][t], rtol=0, atol=tolerance)
    for ours, theirs in zip(live_leaves(state), live_leaves(whole.state), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance)


@BOTH
def test_windows_carry_the_state_through_a_file(text: bool) -> None:
    made, points, texts = net(text), written(), memory(text)
    whole, last = made.nats(shifted(points), points, memory=texts)
    first, state = made.nats(shifted(points[:5]), points[:5], memory=texts)
    state = trees.load(made.init_state(1), trees.save(state))  # as a training that stops here writes it
    second, state = made.nats(shifted(points[5:], points[4]), points[5:], state, memory=texts)
    torch.testing.assert_close(torch.cat([first, second]), whole, rtol=0, atol=1e-12)
    for ours, theirs in zip(live_leaves(state), live_leaves(last), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_every_layer_runs_on_a_kernel() -> None:
    class Run(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = net(True, torch.float32)

        def forward(self, x: Tensor) -> Any:
            return self.inner(x, memory=memory(True, torch.float32))

    lines = explain(Run(), written(dtype=torch.float32)).splitlines()
    assert len(lines) == 3
    assert "Windowed(3, 4)" in lines[0] and all("LSTM(12, 4)" in line for line in lines[1:])
    assert all("runs on native" in line or "not built" in line for line in lines)


def test_a_pen_stops_when_its_window_has_left_the_text() -> None:
    """The untrained window moves at its pace: with half a symbol a step it is behind three symbols in seven steps."""
    torch.manual_seed(0)
    made = SynthesisNet(SYMBOLS, 32, 1, pace=0.5).eval()
    texts = remembered(torch.tensor([[1, 2, 3]]), SYMBOLS)
    point, state, ends = torch.zeros(1, 3), made.init_state(1), []
    for _ in range(12):
        _, state, record = made.step(point, state, texts)
        ends.append(bool(finished(record["0.phi"], texts)))
    assert ends == sorted(ends) and 5 <= ends.index(True) <= 9


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@BOTH
def test_any_cell_will_do(text: bool, cell: str) -> None:
    made, points = net(text, cell=cell, **({"peephole": False} if cell == "lstm" else {})), written(3)
    nats, _ = made.nats(shifted(points), points, memory=memory(text))
    assert nats.shape == (3, 3) and bool(nats.isfinite().all())
    assert not any("peephole" in name for name, _ in made.named_parameters())


@BOTH
def test_weight_noise_is_the_generators(text: bool) -> None:
    made, points, texts = net(text, adaptive_noise=True), written(), memory(text)

    def loss(seed: int) -> float:
        generator = torch.Generator().manual_seed(seed)
        return float(made.nats(shifted(points), points, memory=texts, generator=generator)[0].detach().sum())

    assert loss(1) == loss(1) != loss(2)
    made.eval()
    assert loss(1) == loss(2)


def test_dropout_masks_are_drawn_anew_for_each_window() -> None:
    made, points = net(True, recurrent_dropout=0.5), written()
    _, state = made.nats(shifted(points), points, memory=memory(True), generator=torch.Generator().manual_seed(1))
    _, after = made.nats(points, points, state, memory=memory(True), generator=torch.Generator().manual_seed(2))
    assert state[0].cell.mask is not None
    assert not torch.equal(state[0].cell.mask, after[0].cell.mask)
    assert not torch.equal(state[2].mask, after[2].mask)


def test_shifted_begins_with_a_null_vector_or_the_last_point() -> None:
    points = written(4)
    assert torch.equal(shifted(points), torch.cat([torch.zeros(1, 3, 3).double(), points[:3]]))
    assert torch.equal(shifted(points[2:], points[1]), points[1:3])


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(SpecError, match="a window must be given a text to read"):
        net(True)(written())
    with pytest.raises(SpecError, match="layers must be at least 1, got 0"):
        PredictionNet(4, 0)
    with pytest.raises(ShapeError, match=r"points must be \[T, B, 3\], got \[5, 2\]"):
        shifted(torch.zeros(5, 2))
