"""Unequal lengths as full batches: how often the kernel is called, on how much; and flipping in a length."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from unspool.engine.segments import flip, segmented


def _adding(calls: list[list[int]]) -> Any:
    """A kernel that adds up: output and state are the running sum."""

    def run(x: Tensor, state: Any) -> tuple[Tensor, Any]:
        calls.append(list(x.shape[:2]))
        output = x.cumsum(0) + state[0]
        return output, (output[-1],)

    return run


def test_no_padding_is_computed() -> None:
    calls: list[list[int]] = []
    lengths = [3, 7, 0, 3, 5]
    x = torch.rand(9, 5, 2)
    for row, length in enumerate(lengths):
        x[length:, row] = float("nan")
    output, (last,) = segmented(_adding(calls), x, (torch.zeros(5, 2),), lengths)
    assert calls == [[3, 4], [2, 2], [2, 1]]
    assert sum(steps * rows for steps, rows in calls) == sum(lengths)
    assert output.shape == (9, 5, 2)
    for row, length in enumerate(lengths):
        torch.testing.assert_close(output[:length, row], x[:length, row].cumsum(0))
        assert not output[length:, row].any()
        torch.testing.assert_close(last[row], x[:length, row].sum(0))


@pytest.mark.parametrize("lengths", [[1, 1], [4, 4], [0, 1], [2, 0]])
def test_small_cases(lengths: list[int]) -> None:
    x = torch.rand(4, 2, 1)
    output, (last,) = segmented(_adding([]), x, (torch.ones(2, 1),), lengths)
    for row, length in enumerate(lengths):
        torch.testing.assert_close(output[:length, row], 1 + x[:length, row].cumsum(0))
        torch.testing.assert_close(last[row], 1 + x[:length, row].sum(0))


def test_flip_turns_each_sequence_inside_its_length() -> None:
    x = torch.arange(8.0).view(4, 2, 1)
    assert flip(x, [3, 0])[:, 0, 0].tolist() == [4, 2, 0, 6]
    assert flip(x, [3, 0])[:, 1, 0].tolist() == [1, 3, 5, 7]
    assert torch.equal(flip(x, None), x.flip(0))
    assert torch.equal(flip(flip(x, [3, 2]), [3, 2]), x)
