"""Models with unspool.nn in them among torch's tools: export, compile, ONNX, TorchScript, quantisation."""

from __future__ import annotations

import copy
import importlib.util
import io
from typing import Any

import pytest
import torch
import torch._dynamo.config
from torch import Tensor, nn
from torch._dynamo.testing import CompileCounterWithBackend

import unspool.nn
from unspool.engine import native

X = torch.randn(9, 3, 6, generator=torch.Generator().manual_seed(1))
LAYERS = [unspool.nn.RNN, unspool.nn.LSTM, unspool.nn.GRU]
each_layer = pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
# what torch says of its own exporters and layers
deprecated = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning",
    "ignore::torch.jit.TracerWarning",
    "ignore:The tensor attributes self.*_flat_weights:UserWarning",
    "ignore:Exporting a model to ONNX with a batch_size other than 1:UserWarning",
    "ignore:torch.quantize_per_tensor:UserWarning",
)


class Model(nn.Module):
    """A linear layer, recurrent layers, and another linear layer for what they give and their last state."""

    def __init__(self, kind: Any, **options: Any) -> None:
        super().__init__()
        self.before = nn.Linear(6, 8)
        self.layer = kind(8, 8, **options)
        self.after = nn.Linear(16 if self.layer.bidirectional else 8, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        output, state = self.layer(self.before(x).tanh())
        return self.after(output), state[0] if isinstance(state, tuple) else state


def made(kind: Any, **options: Any) -> Model:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        return Model(kind, **options)


def gradients(run: Any, model: Model) -> list[Tensor]:
    """Results and gradients of input and parameters."""
    model.zero_grad()
    x = X.clone().requires_grad_()
    results = run(x)
    sum((result.square().sum() for result in results), torch.zeros(())).backward()
    assert x.grad is not None
    slopes = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert len(slopes) == len(list(model.parameters()))
    return [*(result.detach() for result in results), x.grad, *slopes]


@deprecated
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=["one", "two"])
@each_layer
def test_an_exported_program_gives_the_same_numbers(kind: Any, options: dict[str, Any]) -> None:
    model = made(kind, **options)
    program = torch.export.export(model, (X,))
    assert "unspool" not in str(program.graph)
    torch.testing.assert_close(program.module()(X), model(X))


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=["one", "two"])
@each_layer
def test_a_compiled_model_is_one_graph_with_the_same_gradients(kind: Any, options: dict[str, Any]) -> None:
    model = made(kind, **options)
    counter = CompileCounterWithBackend("aot_eager")
    torch._dynamo.reset()
    with torch._dynamo.config.patch(allow_rnn=True):  # without it torch.compile stops at every torch.nn.RNNBase
        compiled = torch.compile(model, fullgraph=True, backend=counter)
        torch.testing.assert_close(gradients(compiled, model), gradients(model, model), rtol=1e-4, atol=1e-5)
    assert counter.frame_count == 1
    assert ("unspool.sequence" in counter.graphs[0].code) == native.BUILT


# torch asks a tensor for its gradient where it begins a new graph
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning")
def test_a_compiled_model_works_without_torchs_switch_too() -> None:
    model = made(unspool.nn.LSTM)
    torch._dynamo.reset()
    compiled = torch.compile(model, backend="aot_eager")
    torch.testing.assert_close(gradients(compiled, model), gradients(model, model), rtol=1e-4, atol=1e-5)


@deprecated
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=["one", "two"])
@each_layer
def test_onnx_gets_the_standard_node(kind: Any, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Read off the file's bytes: field 4 of a node, tag 0x22, is its operator."""
    if importlib.util.find_spec("onnx") is None:  # torch asks it for functions of one's own, of which there are none
        exporter = "torch.onnx._internal.torchscript_exporter.onnx_proto_utils"
        monkeypatch.setattr(f"{exporter}._add_onnxscript_fn", lambda model, _: model)
    files = []
    for layer in (kind, kind.__bases__[0]):
        file = io.BytesIO()
        torch.onnx.export(made(layer, **options), (X,), file, dynamo=False)
        files.append(file.getvalue())
    name = kind.__name__.encode()
    node = bytes([0x22, len(name)]) + name
    assert files[0].count(node) == options.get("num_layers", 1)
    assert files[0] == files[1], "the file that torch's own layer gives"
    assert b"unspool" not in files[0] and b"\x22\x04Loop" not in files[0]


@deprecated
@each_layer
def test_an_accelerated_model_is_scripted_as_torchs_own(kind: Any) -> None:
    """torch.jit.script itself puts what it can compile into the model; accelerate() again undoes that."""
    model = unspool.nn.accelerate(made(kind.__bases__[0], num_layers=2))
    parameters = list(model.parameters())
    before = gradients(model, model)
    scripted = torch.jit.script(model)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(gradients(scripted, model), before, rtol=1e-4, atol=1e-5)
    assert type(unspool.nn.accelerate(model).layer) is kind
    torch.testing.assert_close(gradients(model, model), before)
    assert all(one is other for one, other in zip(model.parameters(), parameters, strict=True))


@deprecated
@pytest.mark.parametrize("kind", [unspool.nn.LSTM, unspool.nn.GRU], ids=lambda kind: kind.__name__)
def test_quantize_dynamic_wants_restore_first_and_accelerate_says_so(kind: Any) -> None:
    if torch.backends.quantized.engine == "none":
        pytest.skip("this build of torch has no quantised kernels")
    theirs = kind.__bases__[0]
    model = unspool.nn.accelerate(made(theirs)).eval()
    quantize = torch.ao.quantization.quantize_dynamic
    kept = quantize(copy.deepcopy(model), {theirs, nn.Linear})
    assert type(kept.layer) is kind and "quantized" in type(kept.after).__module__
    torch.testing.assert_close(kept(X), model(X), rtol=0, atol=0.1)
    small = quantize(unspool.nn.restore(copy.deepcopy(model)), {theirs, nn.Linear})
    assert "quantized" in type(small.layer).__module__
    torch.testing.assert_close(small(X), model(X), rtol=0, atol=0.1)
    assert "quantize_dynamic wants its own classes, so restore() before it" in str(unspool.nn.accelerate.__doc__)
