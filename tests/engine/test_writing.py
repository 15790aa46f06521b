"""The native pen writes what the Python loop writes: the same draws, the same points up to rounding."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from unspool.draws import Draws
from unspool.engine import kernels, native
from unspool.engine.generator import WEIGHTS
from unspool.engine.library import ISAS
from unspool.engine.writing import Trace, WindowText, Writer, WritingPlan, native_writer
from unspool.errors import DataError
from unspool.heads.mixture import UNIFORMS
from unspool.nets.clipping import Clipping
from unspool.nets.scribe import PredictionNet, Scribe, SynthesisNet, shifted
from unspool.nets.window import Memory, finished, remembered

pytestmark = pytest.mark.skipif(not native.BUILT, reason="the native engine was not built")

SYMBOLS = 6
IDS = torch.tensor([[1, 4, 0, 5, 2, 2, 3]])
MEMORY = remembered(IDS, SYMBOLS)
TEXT = WindowText(MEMORY.values, MEMORY.lengths)


def made(text: bool, hidden: int = 40, **options: Any) -> Scribe:
    """A network whose mixtures are far from those of zeros, and whose window moves."""
    torch.manual_seed(4)
    net: Scribe = SynthesisNet(SYMBOLS, hidden, 3, pace=0.3, **options) if text else PredictionNet(hidden, 2, **options)
    with torch.no_grad():
        for parameter in net.output.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape))
    return net.eval()


def plan(net: Scribe) -> WritingPlan:
    found = net.generation_plan()
    assert isinstance(found, WritingPlan)
    return found


@torch.no_grad()
def loop(net: Scribe, memory: Memory | None, sample: int, sharpness: float, limit: int, seed: int = 3) -> Trace:
    """Point by point, in float64: what the native pen must give."""
    exact = net.double()
    long = None if memory is None else memory._replace(values=memory.values.double(), inside=memory.inside.double())
    draws, state, point = Draws(seed, [sample]), exact.init_state(1), torch.zeros(1, 3).double()
    points: list[Tensor] = []
    path: list[Tensor] = []
    done = False
    while len(points) < limit:
        raw, state, record = exact.step(point, state, long)
        if long is not None:
            done = bool(points) and bool(finished(record["0.phi"], long))
            if done:
                break
            path.append(record["0.phi"][0])
        uniforms = torch.stack([draws.at(UNIFORMS * len(points) + place) for place in range(UNIFORMS)], -1)
        point = exact.head.sample(raw, sharpness, uniforms=uniforms)
        points.append(point[0])
    net.float()
    return Trace(torch.stack(points), torch.stack(path) if path else torch.empty(len(points), 0), done)


def write(writer: Writer, net: Scribe, text: bool, samples: list[int], sharpness: float = 1.0, limit: int = 60) -> Any:
    return writer.write(
        net.init_state(1), torch.zeros(1, 3), TEXT if text else None, samples, 3, sharpness, limit=limit
    )


@pytest.mark.parametrize("instructions", ISAS, indirect=True)
@pytest.mark.parametrize("text", [False, True], ids=["prediction", "synthesis"])
@pytest.mark.parametrize("options", [{}, {"cell": "gru"}, {"cell": "rnn"}, {"peephole": False}], ids=str)
def test_points_and_windows_are_the_loops(options: Any, text: bool, instructions: str) -> None:
    net = made(text, **options)
    writer = Writer(plan(net))
    for sharpness in (1.0, 2.5):
        for sample, found in zip((0, 7), write(writer, net, text, [0, 7], sharpness), strict=True):
            expected = loop(net, MEMORY if text else None, sample, sharpness, 60)
            assert found.finished is expected.finished is text  # the window is behind the text after some 25 points
            torch.testing.assert_close(found.points.double(), expected.points, rtol=1e-3, atol=1e-3)
            torch.testing.assert_close(found.phi.double(), expected.phi.double(), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_row_is_the_same_alone_and_whatever_the_threads(weights: str) -> None:
    net = made(True, 130)
    writer, samples = Writer(plan(net), weights), [5, 1, 9]
    together = write(writer, net, True, samples)
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            for sample, found in zip(samples, together, strict=True):
                (alone,) = write(writer, net, True, [sample])
                assert torch.equal(found.points, alone.points) and torch.equal(found.phi, alone.phi)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("weights", "bound"), [("bf16", 0.05), ("int8", 0.05)])
def test_smaller_weights_begin_alike(weights: str, bound: float) -> None:
    net = made(True)
    (exact,), (found,) = (write(Writer(plan(net), kind), net, True, [2], limit=3) for kind in ("f32", weights))
    torch.testing.assert_close(found.points, exact.points, rtol=bound, atol=bound)
    assert not torch.equal(found.points, exact.points)


def test_a_text_of_vectors_and_one_with_padding() -> None:
    """What stands beyond the text reaches nothing; phi is 0 there."""
    net = made(True)
    writer = Writer(plan(net))
    padded = remembered(torch.cat([IDS, torch.tensor([[3, 3]])], 1), SYMBOLS, [7])
    vectors = remembered(MEMORY.values * 0.5, SYMBOLS)
    start = (net.init_state(1), torch.zeros(1, 3))
    (plain,) = write(writer, net, True, [1])
    (longer,) = writer.write(*start, WindowText(padded.values, padded.lengths), [1], 3, limit=60)
    assert torch.equal(longer.points, plain.points) and torch.equal(longer.phi[:, :8], plain.phi)
    assert not bool(longer.phi[:, 8:].any())
    (half,) = writer.write(*start, WindowText(vectors.values, vectors.lengths), [1], 3, limit=20)
    expected = loop(net, vectors, 1, 1.0, 20)
    torch.testing.assert_close(half.points.double(), expected.points, rtol=1e-3, atol=1e-3)


def test_it_goes_on_from_a_state_and_stops_at_its_limit() -> None:
    net = made(True)
    writer = Writer(plan(net))
    with torch.no_grad():
        state = net(shifted(torch.randn(5, 1, 3)), memory=MEMORY).state
    (led,) = writer.write(state, torch.ones(1, 3), TEXT, [1], 3, limit=4)
    (first,) = write(writer, net, True, [1], limit=4)
    assert len(led.points) == len(led.phi) == 4 and not led.finished
    assert not torch.allclose(led.points, first.points)
    with torch.no_grad():
        record = net.step(torch.ones(1, 3), state, MEMORY).record
    torch.testing.assert_close(led.phi[:1], record["0.phi"], rtol=1e-5, atol=1e-6)


def test_a_long_sample_is_written_in_pieces_that_fit() -> None:
    net = made(False)
    (whole,) = write(Writer(plan(net)), net, False, [0], limit=700)
    expected = loop(net, None, 0, 1.0, 40)
    assert whole.points.shape == (700, 3) and whole.phi.shape == (700, 0)
    torch.testing.assert_close(whole.points[:40].double(), expected.points, rtol=1e-3, atol=1e-3)


def test_who_is_stepped_in_python_is_told_why() -> None:
    net = made(True)
    assert isinstance(native_writer(net), Writer) and native_writer(net) is native_writer(net)
    kept = native_writer(net)
    with torch.no_grad():
        net.output.bias.add_(1)
    assert native_writer(net) is not kept  # the weights are others
    with kernels(False):
        assert native_writer(net) == "kernels are switched off"
    assert native_writer(made(True).double()) == "the native pen reads float32, not float64"
    assert native_writer(made(False, layer_norm=True)) == "the native pen has no LayerNormLSTM"
    dropping = made(False, recurrent_dropout=0.5)
    assert isinstance(native_writer(dropping), Writer)
    assert native_writer(dropping.train()) == "the native pen has no dropout; call eval()"
    assert isinstance(native_writer(made(True, clipping=Clipping())), Writer)


def test_weights_that_bfloat16_holds_are_read_so() -> None:
    net = made(True)
    writer = native_writer(net)
    assert isinstance(writer, Writer) and writer.weights == "f32"
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.dim() == 2:
                parameter.copy_(parameter.bfloat16())
    writer = native_writer(net)
    assert isinstance(writer, Writer) and writer.weights == "bf16"
    (exact,), (found,) = (write(one, net, True, [2]) for one in (Writer(plan(net), "f32"), writer))
    torch.testing.assert_close(found.points, exact.points, rtol=1e-3, atol=1e-3)


def test_a_network_of_nan_is_refused() -> None:
    net = made(True)
    with torch.no_grad():
        net.output.bias.fill_(torch.nan)
    with pytest.raises(DataError, match="that after 0 points does not"):
        write(Writer(plan(net)), net, True, [0])
