"""The drop-ins: torch's own results for whatever torch's modules take, and a model exchanged in place."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pack_sequence

import unspool.nn

PAIRS = [(unspool.nn.RNN, nn.RNN), (unspool.nn.LSTM, nn.LSTM), (unspool.nn.GRU, nn.GRU)]
each_pair = pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=["RNN", "LSTM", "GRU"])


def _flat(value: Any) -> list[Tensor]:
    """All tensors of a result, packed or not."""
    if isinstance(value, Tensor):
        return [value]
    if value is None:
        return []
    return [tensor for part in value for tensor in _flat(part)]


def _assert_same(ours: nn.RNNBase, theirs: nn.RNNBase, x: Any, hx: Any = None) -> None:
    """Equal up to float32's rounding: results, dropout included, and the gradients of all parameters."""
    results = []
    for module in (ours, theirs):
        module.zero_grad()
        torch.manual_seed(5)
        result = _flat(module(x, hx))
        sum((value.square().sum() for value in result if value.is_floating_point()), torch.zeros(())).backward()
        results.append([*result, *(parameter.grad for parameter in module.parameters())])
    assert len(results[0]) == len(results[1])
    for one, other in zip(*results, strict=True):
        assert one.dtype == other.dtype
        torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-6)


def _twins(ours: type[nn.RNNBase], theirs: type[nn.RNNBase], *args: Any, **options: Any) -> tuple[Any, Any]:
    torch.manual_seed(7)
    one = ours(*args, **options)
    torch.manual_seed(7)
    other = theirs(*args, **options)
    return one, other


@each_pair
def test_they_are_torchs_classes_with_torchs_initialisation(ours: Any, theirs: Any) -> None:
    one, other = _twins(ours, theirs, 3, 5, num_layers=2, bidirectional=True)
    assert isinstance(one, theirs)
    assert repr(one) == repr(other)
    assert list(one.state_dict()) == list(other.state_dict())
    assert all(torch.equal(one.state_dict()[key], value) for key, value in other.state_dict().items())


@each_pair
def test_the_state_dict_goes_both_ways(ours: Any, theirs: Any) -> None:
    one, other = ours(3, 5, 2), theirs(3, 5, 2)
    one.load_state_dict(other.state_dict())
    _assert_same(one, other, torch.rand(4, 2, 3))
    again = ours(3, 5, 2)
    other.load_state_dict(again.state_dict())
    _assert_same(again, other, torch.rand(4, 2, 3))


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@each_pair
def test_batched_and_unbatched(ours: Any, theirs: Any, bidirectional: bool, bias: bool, batch_first: bool) -> None:
    options = {"num_layers": 2, "bidirectional": bidirectional, "bias": bias, "batch_first": batch_first}
    one, other = _twins(ours, theirs, 3, 5, **options)
    rows = 2 * (1 + bidirectional)
    for x, shape in (
        (torch.rand(6, 3), (rows, 5)),
        (torch.rand(6, 4, 3), (rows, 6 if batch_first else 4, 5)),
    ):
        h, c = torch.rand(shape), torch.rand(shape)
        _assert_same(one, other, x)
        _assert_same(one, other, x, (h, c) if theirs is nn.LSTM else h)


@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")  # torch says so of itself
@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("proj_size", [0, 2])
def test_projections_and_dropout(proj_size: int, dropout: float) -> None:
    one, other = _twins(
        unspool.nn.LSTM, nn.LSTM, 3, 5, num_layers=3, proj_size=proj_size, dropout=dropout, bidirectional=True
    )
    _assert_same(one, other, torch.rand(6, 4, 3))
    _assert_same(one.eval(), other.eval(), torch.rand(6, 4, 3))


@each_pair
def test_dropout_is_drawn_alike(ours: Any, theirs: Any) -> None:
    one, other = _twins(ours, theirs, 3, 5, num_layers=2, dropout=0.5)
    _assert_same(one, other, torch.rand(6, 4, 3))


@pytest.mark.parametrize("enforce_sorted", [False, True])
@each_pair
def test_packed_sequences(ours: Any, theirs: Any, enforce_sorted: bool) -> None:
    one, other = _twins(ours, theirs, 3, 5, num_layers=2, bidirectional=True, dropout=0.2)
    lengths = [6, 4, 4, 1] if enforce_sorted else [4, 1, 6, 4]
    packed = pack_padded_sequence(torch.rand(6, 4, 3), torch.tensor(lengths), enforce_sorted=enforce_sorted)
    h, c = torch.rand(4, 4, 5), torch.rand(4, 4, 5)
    _assert_same(one, other, packed)
    _assert_same(one, other, packed, (h, c) if theirs is nn.LSTM else h)
    assert isinstance(one(pack_sequence([torch.rand(2, 3)]))[0], PackedSequence)


def test_the_relu_network_and_other_dtypes() -> None:
    one, other = _twins(unspool.nn.RNN, nn.RNN, 3, 5, nonlinearity="relu", dtype=torch.float64)
    _assert_same(one, other, torch.rand(6, 4, 3, dtype=torch.float64))


@each_pair
def test_wrong_inputs_fail_as_in_torch(ours: Any, theirs: Any) -> None:
    for x in (torch.rand(3), torch.rand(4, 2, 7), torch.rand(4, 2, 3, dtype=torch.float64)):
        messages = []
        for module in (ours(3, 5), theirs(3, 5)):
            with pytest.raises((ValueError, RuntimeError)) as caught:
                module(x)
            messages.append((caught.type, str(caught.value)))
        assert messages[0] == messages[1]


class _Own(nn.LSTM):
    """A subclass of torch's."""


class _Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.RNN(3, 4)
        self.inner = nn.ModuleDict({"lstm": nn.LSTM(4, 4, dropout=0.1, num_layers=2), "gru": nn.GRU(4, 4)})
        self.own = _Own(4, 4)
        self.cell = nn.LSTMCell(4, 4)
        self.shared = self.inner["gru"]
        self.readout = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.inner["lstm"](self.rnn(x)[0])[0]
        x = self.shared(self.inner["gru"](x)[0])[0]
        output: Tensor = self.readout(self.own(x)[0])
        return output


def test_accelerate_exchanges_exact_types_and_restore_undoes_it() -> None:
    model = _Model()
    parts = [model.rnn, model.inner["lstm"], model.inner["gru"], model.own, model.cell]
    torchs = [nn.RNN, nn.LSTM, nn.GRU, _Own, nn.LSTMCell]
    ours = [unspool.nn.RNN, unspool.nn.LSTM, unspool.nn.GRU, _Own, nn.LSTMCell]
    names = list(model.state_dict())
    for _ in range(2):  # the second time changes nothing
        assert unspool.nn.accelerate(model) is model
        assert [type(part) for part in parts] == ours
    assert model.shared is model.inner["gru"]
    assert list(model.state_dict()) == names
    for _ in range(2):
        assert unspool.nn.restore(model) is model
        assert [type(part) for part in parts] == torchs


def test_a_layer_itself_can_be_accelerated() -> None:
    layer = nn.GRU(3, 4)
    assert type(unspool.nn.accelerate(layer)) is unspool.nn.GRU
    assert type(unspool.nn.restore(layer)) is nn.GRU


def test_parameters_optimisers_ties_and_hooks_survive() -> None:
    model = _Model()
    model.own.weight_hh_l0 = model.inner["lstm"].weight_hh_l0  # tied
    reference = copy.deepcopy(model)
    parameters = list(model.parameters())
    called: list[str] = []
    model.rnn.register_forward_hook(lambda *_: called.append("rnn"))
    optimisers = [torch.optim.Adam(each.parameters(), lr=0.1) for each in (model, reference)]
    unspool.nn.accelerate(model)
    assert all(one is other for one, other in zip(parameters, model.parameters(), strict=True))
    assert model.own.weight_hh_l0 is model.inner["lstm"].weight_hh_l0
    x = torch.rand(5, 2, 3)
    for _ in range(3):
        losses = []
        for each, optimiser in zip((model, reference), optimisers, strict=True):
            torch.manual_seed(2)
            loss = (each(x) - x).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert called == ["rnn"] * 3
    for pair in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(*pair, rtol=1e-3, atol=1e-4)


def test_an_accelerated_model_can_be_copied_moved_and_cast() -> None:
    model = unspool.nn.accelerate(nn.Sequential(nn.LSTM(3, 4)))
    twin = copy.deepcopy(model).double().to("cpu")
    assert type(twin[0]) is unspool.nn.LSTM
    assert twin(torch.rand(2, 1, 3, dtype=torch.float64))[0].dtype == torch.float64
