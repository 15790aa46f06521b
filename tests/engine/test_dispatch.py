"""Which kernel runs, how it is switched off, and what explain() says about it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import unspool.nn
from unspool.cells import GRU, LSTM, Cell, Elman
from unspool.engine import Recurrent, build_stack, choose, dispatch, explain, kernels, native, run
from unspool.engine.library import ISAS, isa, vectors
from unspool.errors import SpecError

X = torch.zeros(8, 2, 3)
BEST = isa()
NATIVE = f"unspool's C++ kernel in float32 with {vectors()}"


@pytest.fixture(autouse=True)
def _as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNSPOOL_KERNELS", raising=False)
    monkeypatch.setattr(dispatch, "_switch", None)


@pytest.fixture
def _without_native(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where unspool was installed without a compiler."""
    monkeypatch.setattr(native, "BUILT", False)


PLAIN = pytest.mark.parametrize("cell", [Elman(3, 4), Elman(3, 4, "relu"), LSTM(3, 4), GRU(3, 4)], ids=repr)


@PLAIN
def test_float32_cells_run_on_the_native_kernel(cell: Cell) -> None:
    kernel, reason = choose(cell, X)
    assert kernel == "native"
    assert reason == f"unspool's C++ kernel in float32 with {vectors()}"
    assert choose(cell, X, lengths=torch.tensor([4, 1])).kernel == "native"
    assert choose(cell, X, context=object()).kernel == "native"  # these cells read no context


@pytest.mark.usefixtures("_without_native")
@PLAIN
def test_without_a_compiler_torchs_kernel_runs(cell: Cell) -> None:
    kernel, reason = choose(cell, X)
    assert kernel == "torch"
    assert "C++17 compiler" in reason and "torch's fused" in reason
    run(cell, X)


@PLAIN
def test_float64_runs_on_torchs_kernel(cell: Cell) -> None:
    kernel, reason = choose(copy.deepcopy(cell).double(), X.double())
    assert kernel == "torch"
    assert reason.startswith("the native kernel computes in float32, not in float64; torch's fused ")


def test_small_work_is_left_to_torch_where_torch_starts_faster() -> None:
    assert "so small a layer" in choose(Elman(3, 4), X[:2]).reason
    assert choose(GRU(3, 4), X[:1]).kernel == "torch"
    assert choose(LSTM(3, 4), X[:1]).kernel == "native"
    assert choose(Elman(600, 600), torch.zeros(2, 8, 600)).kernel == "native"


@pytest.mark.parametrize("instructions", ISAS)
def test_an_instruction_set_can_be_asked_for(instructions: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSPOOL_KERNELS", instructions)
    if ISAS.index(instructions) >= ISAS.index(BEST):
        # and then even the smallest work is native
        assert choose(Elman(3, 4), X[:1]).reason == f"unspool's C++ kernel in float32 with {vectors()}"
        return
    with pytest.raises(
        SpecError, match=f"needs a processor, a system and a build with {instructions}, the best here is {BEST}"
    ):
        choose(Elman(3, 4), X[:1])


class _Own(LSTM):
    """A subclass, whose step may be another."""


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (Elman(3, 4, "sigmoid"), "torch's fused kernel has tanh and relu only"),
        (LSTM(3, 4, peephole=True), "torch's fused kernel has no peepholes"),
        (GRU(3, 4, reset="before"), "torch's fused kernel resets after the product only"),
        (_Own(3, 4), "torch has no fused kernel for _Own"),
        (build_stack("lstm", 3, 4, 1), "torch has no fused kernel for Stack"),
        (GRU(3, 4, recurrent_dropout=0.5), "torch's fused kernel has no recurrent dropout"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
@pytest.mark.usefixtures("_without_native")
def test_what_torch_has_no_kernel_for_goes_to_the_loop(cell: Any, reason: str) -> None:
    state = cell.init_state(2)
    kernel, found = choose(cell, X, state)
    assert kernel == "loop"
    assert reason in found
    run(cell, X)


def test_a_cell_with_dropout_is_plain_outside_training() -> None:
    cell = GRU(3, 4, recurrent_dropout=0.5).eval()
    assert choose(cell, X, cell.init_state(2)).kernel == "native"


def test_recording_goes_to_the_loop() -> None:
    kernel, reason = choose(LSTM(3, 4), X, record=["i"])
    assert kernel == "loop"
    assert reason == "the native kernel records nothing on its way; torch's fused kernel records nothing on its way"
    assert list(run(LSTM(3, 4), X, record=["i"]).record) == ["i"]


def test_other_devices_and_transforms_go_to_the_loop() -> None:
    cell = LSTM(3, 4)
    assert "not on meta" in choose(cell, X.to("meta")).reason
    seen = []

    def watch(x: Tensor) -> Tensor:
        seen.append(choose(cell, x))
        return run(cell, x).output

    torch.func.vmap(watch)(torch.zeros(5, 4, 2, 3))
    torch.func.jacrev(watch)(X)
    with torch.autograd.forward_ad.dual_level():
        watch(X)
    assert [choice.kernel for choice in seen] == ["loop"] * 3
    assert "torch.func" in seen[0].reason
    assert "forward-mode" in seen[2].reason


def test_the_switch_works_as_a_function_and_as_a_context() -> None:
    cell = LSTM(3, 4)
    with kernels(False):
        assert choose(cell, X) == ("loop", "kernels are switched off")
        with kernels(True):
            assert choose(cell, X).kernel == "native"
        assert choose(cell, X).kernel == "loop"
    assert choose(cell, X).kernel == "native"
    kernels(False)
    assert choose(cell, X).kernel == "loop"
    kernels(True)
    assert choose(cell, X).kernel == "native"


def test_the_switch_is_put_back_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), kernels(False):
        1 / 0  # noqa: B018
    assert choose(LSTM(3, 4), X).kernel == "native"


@pytest.mark.parametrize("on", ["off", "on", 0, 1, None], ids=repr)
def test_the_switch_takes_true_and_false_only(on: Any) -> None:
    with pytest.raises(SpecError, match=rf"^kernels\(\) must be given True or False, got {on!r}; kernels\(False\)"):
        kernels(on)
    assert dispatch._switch is None


def test_the_environment_switches_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNSPOOL_KERNELS", "off")
    assert choose(LSTM(3, 4), X) == ("loop", "kernels are switched off")
    with kernels(True):
        assert choose(LSTM(3, 4), X).kernel == "native"
    monkeypatch.setenv("UNSPOOL_KERNELS", "maybe")
    with pytest.raises(
        SpecError,
        match=r"^UNSPOOL_KERNELS must be on, off, amx, avx512, avx2, base, got 'maybe'; set it to one of them",
    ):
        choose(LSTM(3, 4), X)


def test_off_means_the_loop_is_what_runs() -> None:
    layer = Recurrent(LSTM(3, 4))
    x = X.clone().requires_grad_()
    assert "unspool" in type(layer(x).output.grad_fn).__name__
    with kernels(False):
        assert "Stack" in type(layer(x).output.grad_fn).__name__


def test_explain_says_for_each_layer_what_runs() -> None:
    stack = build_stack("lstm", 3, 4, 2, peephole=True)
    assert explain(stack, X) == (
        f"layers.0.cell: LSTM(3, 4) runs on native: {NATIVE}\nlayers.1.cell: LSTM(4, 4) runs on native: {NATIVE}"
    )
    assert explain(Recurrent(GRU(3, 4)), X) == f"cell: GRU(3, 4) runs on native: {NATIVE}"
    assert explain(Elman(3, 4), X) == f"Elman(3, 4) runs on native: {NATIVE}"
    assert explain(nn.Linear(3, 2), X) == "Linear ran no recurrent layer"
    with kernels(False):
        assert explain(GRU(3, 4), X) == "GRU(3, 4) runs on loop: kernels are switched off"


class _Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.encoder = nn.LSTM(3, 4, dropout=0.0)
        self.decoder = unspool.nn.GRU(4, 5)
        self.top = build_stack("rnn", 5, 6, 1, dropout=0.5)

    def forward(self, x: Tensor, scale: float) -> Tensor:
        x = self.norm(x.transpose(1, 2)).transpose(1, 2) * scale
        x = nn.functional.dropout(x)
        hidden = self.decoder(self.encoder(x)[0])[0]
        self.top(hidden)
        output: Tensor = self.top(hidden).output
        return output


def test_explain_runs_a_whole_model_and_leaves_no_trace() -> None:
    model = _Model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x = torch.rand(8, 2, 3)
    random = torch.get_rng_state()
    assert explain(model, (x, 2.0)).splitlines() == [
        "encoder: LSTM(3, 4) runs on torch: torch.nn's own code; "
        "unspool.accelerate(model) puts unspool.nn in its place",
        f"decoder: GRU(4, 5) runs on native: {NATIVE}",
        f"top.layers.0.cell: Elman(5, 6) runs on native: {NATIVE}",
    ]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert not model.encoder._forward_pre_hooks
    assert not dispatch._observers


def test_explain_cleans_up_when_the_model_fails() -> None:
    model = _Model()
    with pytest.raises(RuntimeError):
        explain(model, (torch.rand(4, 2, 7), 2.0))
    assert not model.encoder._forward_pre_hooks
    assert not dispatch._observers
