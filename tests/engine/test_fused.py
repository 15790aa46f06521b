"""How torch's fused kernel is called."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from unspool.cells import LSTM
from unspool.engine import fused


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_gradients_decide_what_is_kept_for_backward_not_the_mode(
    training: bool, gradients: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """cuDNN refuses a backward pass after a call without its "train" flag; on a CPU nobody would notice."""
    flags = []

    def lstm(*arguments: Any) -> Any:
        flags.append(arguments[6])
        return torch._VF.lstm(*arguments)

    monkeypatch.setattr(fused, "_VF", SimpleNamespace(lstm=lstm))
    with torch.set_grad_enabled(gradients):
        fused.run(LSTM(3, 4).train(training), torch.rand(5, 2, 3))
    assert flags == [gradients]
