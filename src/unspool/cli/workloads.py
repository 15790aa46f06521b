"""What `unspool bench` times: training steps and generation, by every way that there is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from unspool.cells import CELLS
from unspool.cli.timings import Case, Size
from unspool.engine.dispatch import kernels
from unspool.engine.generator import WEIGHTS, Generator
from unspool.engine.library import absence, has_bfloat16, isa, library
from unspool.engine.structures import generation_library
from unspool.heads.categorical import Categorical
from unspool.nets.sequence import SequenceNet
from unspool.sampling import Sampling

LAYERS, SYMBOLS = 2, 96
SIZES = (Size(128, 50, 50), Size(256, 64, 64))
WRITTEN = {"loop": 50, "native": 1000}  # symbols in one measurement of generation
GREEDY: Any = Sampling(greedy=True)
PRODUCT = {"cpu": 1024, "cuda": 4096}  # rows and columns of the matrix product
TRAINING = {"cpu": ("loop", "torch", "native", "native bf16")}


def cases(device: torch.device) -> list[Case]:
    """Return everything to be timed, the quickest first."""
    cpu = device.type == "cpu"
    found = [] if cpu and library() is not None else [_product(device)]
    for size in SIZES:
        for cell in CELLS:
            found.append(_generation(cell, size, device))
            found += [_native_generation(cell, weights, size) for weights in WEIGHTS if cpu]
    for size in SIZES:
        for cell in CELLS:
            found += [_training(cell, way, size, device) for way in TRAINING.get(device.type, ("loop", "torch"))]
    return found


def operations(cell: str, size: Size, layers: int = LAYERS) -> float:
    """Floating-point operations of the matrix products of one training step.

    A layer's forward pass takes 2 T B G H (I + H), the output layer's 2 T B H V, with I = H; the backward pass takes
    each twice more: once for the inputs, once for the weights. Gates, softmax and embedding are not counted.
    """
    kind: Any = CELLS[cell]
    hidden = size.hidden
    one = 2.0 * size.batch * hidden * (layers * len(kind.gates) * 2 * hidden + SYMBOLS)
    return 3.0 * size.steps * one


class TorchNet(nn.Module):
    """The network that is trained, with torch.nn's own layers."""

    def __init__(self, cell: str, hidden: int) -> None:
        super().__init__()
        kind: Callable[..., nn.RNNBase] = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[cell]
        self.embedding = nn.Embedding(SYMBOLS, hidden)
        self.layers = kind(hidden, hidden, LAYERS)
        self.output = nn.Linear(hidden, SYMBOLS)

    def forward(self, ids: Tensor) -> Tensor:
        """Scores [T, B, V] for the symbols after ids [T, B]."""
        return self.output(self.layers(self.embedding(ids))[0])  # type: ignore[no-any-return]


def _network(cell: str, hidden: int, precision: str = "float32") -> SequenceNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return SequenceNet(
            SYMBOLS, cell=cell, hidden_size=hidden, layers=LAYERS, embedding_size=hidden, precision=precision
        )


def _product(device: torch.device) -> Case:
    """A square matrix product: what stands for the limit where the library cannot measure it."""
    edge = PRODUCT.get(device.type, PRODUCT["cpu"])
    a, b = torch.randn(edge, edge, device=device), torch.randn(edge, edge, device=device)
    return Case("product", "", "", Size(edge, edge, 1), 2.0 * edge**3, 0, lambda _: torch.mm(a, b))


def _training(cell: str, kernel: str, size: Size, device: torch.device) -> Case:
    """Forward and backward pass of a character model of two layers: embedding, layers, softmax, no optimiser."""
    ours = _network(cell, size.hidden, "bf16" if kernel == "native bf16" else "float32")
    net = (TorchNet(cell, size.hidden) if kernel == "torch" else ours).to(device)
    ids = torch.randint(SYMBOLS, (size.steps + 1, size.batch), generator=torch.Generator().manual_seed(0)).to(device)
    head = Categorical(SYMBOLS)

    def work(steps: int) -> None:
        with kernels(False) if kernel == "loop" else nullcontext():
            scores = net(ids[:steps])
            raw = scores if isinstance(scores, Tensor) else scores.raw
            loss: Tensor = -head.log_prob(raw, ids[1 : steps + 1]).mean()
        for parameter in net.parameters():
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]

    done = operations(cell, size)
    return Case("training", cell, kernel, size, done, size.batch * size.steps, work, _missing(kernel))


def _missing(kernel: str) -> str:
    """Why a way of training is not there on this machine."""
    if kernel.startswith("native") and library() is None:
        return absence()
    if kernel == "native bf16" and not has_bfloat16():
        return f"this processor has no bfloat16 products with {isa()}"
    return ""


def _generation(cell: str, size: Size, device: torch.device) -> Case:
    """One text written symbol by symbol through all layers of the loop, the likeliest symbol fed back."""
    net = _network(cell, size.hidden).to(device).eval()

    def work(steps: int) -> None:
        stack = net.stack
        with torch.no_grad():
            ids, state = torch.zeros(1, dtype=torch.int64, device=device), net.init_state(1)
            for _ in range(steps):
                output, state = stack.step(stack.project(net.embed(ids)), state)
                ids = net.output(output.h).argmax(-1)

    return _writing(cell, "loop", size, WRITTEN["loop"], work)


def _native_generation(cell: str, weights: str, size: Size) -> Case:
    """The same by the native generator."""
    kernel, count = f"native {weights}", WRITTEN["native"]
    if generation_library() is None:
        case = _writing(cell, kernel, size, count, int)
        case.missing = absence()
        return case
    net = _network(cell, size.hidden).eval()
    plan = net.generation_plan()
    assert not isinstance(plan, str)
    generator, scores, state = Generator(plan, weights), torch.zeros(1, SYMBOLS), net.init_state(1)

    def work(steps: int) -> None:
        for _ in generator.generate(scores, state, GREEDY, [0], length=steps):
            pass

    case = _writing(cell, kernel, size, count, work)
    case.weights = generator.bytes_per_step
    return case


def _writing(cell: str, kernel: str, size: Size, count: int, work: Callable[[int], object]) -> Case:
    written = Size(size.hidden, 1, count)
    forward = operations(cell, written) / 3
    return Case("generation", cell, kernel, written, forward, count, work)
