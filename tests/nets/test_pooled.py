from __future__ import annotations

import numpy as np
import pytest
import torch

from unspool.cells.gru import GRU
from unspool.cells.lstm import LSTM
from unspool.nets.pooled import PooledNet
from unspool.nets.series import SeriesEncoder, framed

LENGTHS = torch.tensor([7, 3, 0, 5])


def net(**options: object) -> PooledNet:
    torch.manual_seed(0)
    sizes = {"cell": "lstm", "hidden_size": 6, "layers": 2, "bidirectional": False, "pooling": "last"}
    return PooledNet(2, 3, **{**sizes, **options}).eval()  # type: ignore[arg-type]


def test_frames_lie_side_by_side() -> None:
    x = torch.arange(14.0).view(7, 1, 2) + 1  # [T, B, I]
    frames, lengths = framed(x, torch.tensor([5]), 3)
    assert lengths.tolist() == [2]
    assert frames[:, 0].tolist() == [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 0, 0], [0] * 6]


def test_convolutions_by_hand() -> None:
    """The definition, step by step, for one sequence."""
    torch.manual_seed(0)
    encoder = SeriesEncoder(2)
    x = torch.randn(7, 1, 2)
    z = x[:, 0]  # [T, C]
    for convolution, norm in zip(encoder.convolutions, encoder.norms, strict=True):
        assert isinstance(convolution, torch.nn.Conv1d)
        padded = torch.cat([torch.zeros(4, z.shape[1]), z, torch.zeros(4, z.shape[1])])
        sums = [
            convolution.bias + (convolution.weight * padded[t : t + 9].t()).sum((1, 2)) for t in range(0, len(z), 2)
        ]
        z = norm(torch.stack(sums)).relu()
    vectors, lengths = encoder(x, torch.tensor([7]))
    assert lengths.tolist() == [2] and vectors.shape == (2, 1, 64)
    torch.testing.assert_close(vectors[:, 0], z)


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "attention"])
@pytest.mark.parametrize("front", [{}, {"encoder": "conv"}, {"frame": 3}])
def test_neighbours_and_what_pads_change_nothing(pooling: str, front: dict[str, object]) -> None:
    model = net(pooling=pooling, **front, bidirectional=True)
    x = torch.randn(7, 4, 2)  # beyond the lengths too
    together = model(x, LENGTHS)
    for row, length in enumerate(LENGTHS.tolist()):
        alone = model(x[: max(1, length), row : row + 1], LENGTHS[row : row + 1])
        torch.testing.assert_close(alone[0], together[row])


def test_every_step_answers_as_if_it_were_the_last() -> None:
    model = net()
    x = torch.randn(7, 4, 2)
    every = model.every_step(x, LENGTHS)  # [T, B, outputs]
    for steps in range(1, 8):
        rows = LENGTHS >= steps
        prefix = model(x[:steps], torch.full((4,), steps))
        torch.testing.assert_close(every[steps - 1][rows], prefix[rows])


def test_steps_one_by_one_are_every_step() -> None:
    for model in (net(), net(embedding_size=5), net(cell="gru", skip=True)):
        x = torch.randint(0, 2, (7, 4)) if model.embedding else torch.randn(7, 4, 2)
        every = model.every_step(x, torch.full((4,), 7))
        state = model.stack.init_state(4)
        for t in range(7):
            answer, state = model.step(x[t], state)
            torch.testing.assert_close(answer, every[t])


@pytest.mark.parametrize(("cell", "gate"), [("lstm", "f"), ("gru", "z")])
def test_memories_last_up_to_the_asked_time(cell: str, gate: str) -> None:
    """With a bias of b a gate keeps sigmoid(b) a step, which is forgotten after about 1 + exp(b) steps: 2 to T."""
    model = net(cell=cell, hidden_size=400, layers=1, memory=1000)
    for module in model.modules():
        if isinstance(module, LSTM | GRU):
            rows = slice(module.gates.index(gate) * 400, (module.gates.index(gate) + 1) * 400)
            bias = (module.bias_ih + module.bias_hh)[rows].detach().numpy()
            times = np.exp(bias)
            assert 1 <= times.min() < 20 and 980 < times.max() <= 999.5
            assert np.median(times) == pytest.approx(500, abs=80)
            if isinstance(module, LSTM):
                torch.testing.assert_close((module.bias_ih + module.bias_hh)[:400], torch.from_numpy(-bias))


def test_dropped_symbols_are_dropped_everywhere_in_a_batch() -> None:
    model = net(embedding_size=4, embedding_dropout=0.5)
    model.train()
    ids = torch.tensor([[0, 1, 0], [1, 0, 1]])
    for seed in range(4):
        gone = (model.embed(ids, torch.Generator().manual_seed(seed)) == 0).all(-1)
        for symbol in (0, 1):
            assert len(set(gone[ids == symbol].tolist())) == 1
