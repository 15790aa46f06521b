"""The native kernel among torch's tools: compile, export, TorchScript, derivatives of all kinds, fork, threads."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.library import opcheck
from torch.nn.utils.rnn import pack_sequence

import unspool.nn
from unspool.cells import LSTM
from unspool.engine import build_stack, explain, kernels, native, operators, run

X = torch.randn(12, 3, 8, generator=torch.Generator().manual_seed(1))
LAYERS = [unspool.nn.RNN, unspool.nn.LSTM, unspool.nn.GRU]
each_layer = pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
# torch's forward-mode derivatives are TorchScript underneath, which torch calls deprecated
scripting = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore::torch.jit.TracerWarning")


@pytest.mark.parametrize("cell", operators.CELLS)
def test_the_operator_keeps_torchs_rules(cell: str) -> None:
    gates = {"rnn": 1, "lstm": 4, "gru": 3}[cell.partition("_")[0]]
    shapes = [(gates * 5, 8), (gates * 5, 5), (gates * 5,), (gates * 5,)]
    weights = [torch.randn(shape, requires_grad=True) for shape in shapes]
    c = torch.randn(3, 5, requires_grad=True) if cell.startswith("lstm") else None
    peephole = torch.randn(3, 5, requires_grad=True) if cell == "lstm_peephole" else None
    h = torch.randn(3, 5, requires_grad=True)
    arguments = (cell, False, X.clone().requires_grad_(), h, c, *weights, peephole, None, False, True)
    opcheck(torch.ops.unspool.sequence.default, arguments)
    ragged = (
        *arguments[:-3],
        torch.tensor([12, 0, 7]),
        False,
        True,
    )  # beyond the lengths `saved` is whatever was there
    opcheck(torch.ops.unspool.sequence.default, ragged, test_utils=("test_schema", "test_faketensor"))


def test_a_stack_is_compiled_without_a_graph_break() -> None:
    stack = build_stack("lstm", 8, 16, 2, skip=True)
    compiled = torch.compile(stack, fullgraph=True, backend="aot_eager")
    results = []
    for way in (compiled, stack):
        x = X.clone().requires_grad_()
        output = way(x).output
        output.square().sum().backward()
        results.append((output.detach(), x.grad))
    torch.testing.assert_close(*results)


@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # Dynamo looks at it, once in a process
@each_layer
def test_a_drop_in_is_compiled_where_torch_lets_it(kind: Any) -> None:
    layer = kind(8, 16, 2, bidirectional=True)
    import torch._dynamo.config

    with torch._dynamo.config.patch(allow_rnn=True):  # torch.compile stops at every nn.RNNBase otherwise
        torch.testing.assert_close(torch.compile(layer, fullgraph=True, backend="aot_eager")(X)[0], layer(X)[0])


@scripting
@pytest.mark.filterwarnings("ignore:The tensor attributes self._flat_weights:UserWarning")  # torch's own layers too
@each_layer
def test_what_is_exported_holds_standard_operators(kind: Any) -> None:
    layer = kind(8, 16)
    exported = torch.export.export(layer, (X,))
    targets = {str(node.target) for node in exported.graph.nodes}
    assert any(name in target for target in targets for name in ("aten.lstm", "aten.gru", "aten.rnn_tanh"))
    torch.testing.assert_close(exported.module()(X)[0], layer(X)[0])
    traced = torch.jit.trace(layer, (X,), check_trace=False)  # type: ignore[no-untyped-call]
    assert "unspool::" not in str(traced.inlined_graph)


@each_layer
@scripting
def test_torchscript_gets_torchs_own_layer(kind: Any) -> None:
    model = nn.Sequential(kind(8, 16))
    scripted = torch.jit.script(model)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(scripted(X)[0], model(X)[0])


@each_layer
def test_a_second_derivative_is_the_loops(kind: Any) -> None:
    layer = kind(8, 5)
    found = []
    for on in (True, False):
        x = X.clone().requires_grad_()
        name = {"RNN": "rnn", "LSTM": "lstm", "GRU": "gru"}[kind.__name__]
        stack = build_stack(name, 8, 5, 1)
        weights = dict(zip(("weight_ih", "weight_hh", "bias_ih", "bias_hh"), layer.parameters(), strict=True))
        stack.load_state_dict({f"layers.0.cell.{key}": value for key, value in weights.items()})
        with kernels(on):
            output = layer(x)[0] if on else stack(x).output
        (slope,) = torch.autograd.grad(output.square().sum(), x, create_graph=True)
        slope.square().sum().backward()
        assert x.grad is not None
        found.append(x.grad)
    torch.testing.assert_close(*found)


@scripting
def test_a_forward_mode_derivative_is_right_and_never_a_silent_zero() -> None:
    cell = LSTM(8, 5)
    tangent = torch.ones_like(X)
    _, slope = torch.func.jvp(lambda x: run(cell, x).output, (X,), (tangent,))
    step = 1e-3
    numeric = (run(cell, X + step * tangent).output - run(cell, X - step * tangent).output) / (2 * step)
    torch.testing.assert_close(slope, numeric, rtol=1e-2, atol=1e-3)


@scripting
@each_layer
def test_a_forward_mode_derivative_of_a_drop_in_is_no_silent_zero(kind: Any) -> None:
    layer = kind(8, 5)
    try:
        _, slope = torch.func.jvp(lambda x: layer(x)[0], (X,), (torch.ones_like(X),))
    except (NotImplementedError, RuntimeError):
        return  # torch's own code has none for this layer, and says so
    assert slope.abs().sum() > 0


def test_packed_sequences_run_natively() -> None:
    layer = unspool.nn.GRU(8, 5, 2, bidirectional=True)
    packed = pack_sequence([torch.randn(n, 8) for n in (3, 9, 1)], enforce_sorted=False)
    assert "runs on native" in explain(layer, packed)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("batch", [1, 3, 40])
def test_threads_do_not_change_the_result(threads: int, batch: int) -> None:
    cell, x = LSTM(9, 300), torch.randn(6, batch, 9)
    outputs = []
    before = torch.get_num_threads()
    for number in (1, threads):
        torch.set_num_threads(number)
        weight = cell.weight_hh
        output = run(cell, x).output
        (gradient,) = torch.autograd.grad(output.square().sum(), weight)
        outputs.append((output, gradient))
    torch.set_num_threads(before)
    torch.testing.assert_close(*outputs)


FORKED = """
import os, torch
from unspool.engine import run
from unspool.cells import LSTM
torch.set_num_threads(2)
cell, x = LSTM(9, 20), torch.randn(6, 40, 9)  # small: torch's own threads do not survive a fork
torch.mm(torch.randn(500, 500), torch.randn(500, 500))
before = run(cell, x).output.detach()
child = os.fork()
if child == 0:
    again = run(cell, x).output.detach()
    os._exit(0 if torch.equal(again, before) else 3)
_, status = os.waitpid(child, 0)
assert torch.equal(run(cell, x).output, before)
raise SystemExit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_forked_process_goes_on() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_denormal_numbers_stay_denormal_outside() -> None:
    tiny = torch.full((4,), 1e-40)
    run(LSTM(3, 4), torch.randn(8, 2, 3))
    assert (tiny * 1.0 > 0).all()


def test_nan_stays_nan() -> None:
    x = X.clone()
    x[3, 1] = torch.nan
    output: Tensor = run(LSTM(8, 5), x).output
    assert output[3:, 1].isnan().all()
    assert not output[:, 0].isnan().any()
    assert native.BUILT
