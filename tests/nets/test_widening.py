from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from unspool.cells import CELLS
from unspool.errors import SpecError
from unspool.nets.clipping import Clipping
from unspool.nets.scribe import PredictionNet, SynthesisNet
from unspool.nets.sequence import SequenceNet
from unspool.nets.softmax import Clusters
from unspool.nets.widening import Size, widened
from unspool.nets.window import remembered

OLD = Size(5, 2)
LARGER = pytest.mark.parametrize("new", [Size(8, 2), Size(5, 4), Size(7, 3), Size(10, 6)], ids=str)
# beside each cell as it is; 4 layers of 4 gates, one symbol for each unit, and so on: sizes that could be confused
SEQUENCES: list[dict[str, Any]] = [
    *({"cell": cell} for cell in CELLS),
    {"cell": "lstm", "peephole": True, "embedding_size": 5},
    {"cell": "gru", "reset": "before", "embedding_size": 10},
    {"cell": "lstm", "transition_layers": 1},
    {"cell": "lstm", "embedding_size": 4, "tied": True},
    {"cell": "gru", "embedding_size": 4, "softmax": "adaptive", "clusters": Clusters((2, 4))},
    {"cell": "rnn", "adaptive_noise": True, "recurrent_dropout": 0.3},
]


def enlarge(small: nn.Module, large: nn.Module, new: Size, old: Size = OLD) -> None:
    """Give the larger network, in place, what the smaller one knows."""
    for parameter in small.parameters():
        nn.init.uniform_(parameter, -0.6, 0.6)
    tensors = widened(large, dict(small.named_parameters()), old, new)
    assert tensors.keys() == dict(large.named_parameters()).keys()
    for name, parameter in large.named_parameters():
        parameter.data.copy_(tensors[name])


def sequence(size: Size, options: dict[str, Any]) -> SequenceNet:
    torch.manual_seed(0)
    return SequenceNet(6, **{"skip": True} | options, hidden_size=size.units, layers=size.layers).double().eval()


@LARGER
@pytest.mark.parametrize("options", SEQUENCES, ids=lambda options: " ".join(map(str, options.values())))
def test_symbols_are_scored_as_before(options: dict[str, Any], new: Size) -> None:
    small, large = sequence(OLD, options), sequence(new, options)
    enlarge(small, large, new)
    ids = torch.randint(6, (9, 3))
    torch.testing.assert_close(large(ids).raw, small(ids).raw, rtol=0, atol=1e-12)


def scribes(name: str, size: Size, options: dict[str, Any]) -> nn.Module:
    torch.manual_seed(0)
    shape = {"hidden_size": size.units, "layers": size.layers, "components": 3, **options}
    made = PredictionNet(**shape) if name == "prediction" else SynthesisNet(4, window=2, **shape)
    return made.double().eval()


@LARGER
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("name", ["prediction", "synthesis"])
def test_points_are_foreseen_as_before(name: str, cell: str, new: Size) -> None:
    options = {"cell": cell} | ({"clipping": Clipping(100.0, 10.0)} if cell == "lstm" else {})
    small, large = scribes(name, OLD, options), scribes(name, new, options)
    enlarge(small, large, new)
    text = {"memory": remembered(torch.randint(4, (2, 6)), 4, dtype=torch.float64)} if name == "synthesis" else {}
    x = torch.randn(11, 2, 3, dtype=torch.float64)
    torch.testing.assert_close(large(x, **text).raw, small(x, **text).raw, rtol=0, atol=1e-12)


def test_four_layers_of_four_gates() -> None:
    old, new = Size(3, 4), Size(5, 4)
    small, large = sequence(old, {"cell": "lstm"}), sequence(new, {"cell": "lstm"})
    enlarge(small, large, new, old)
    ids = torch.randint(6, (9, 3))
    torch.testing.assert_close(large(ids).raw, small(ids).raw, rtol=0, atol=1e-12)


def test_all_that_is_new_learns() -> None:
    """Weights from new units are 0 and have gradients; what leads to new units has some once those have moved."""
    new = Size(7, 3)
    small, large = sequence(OLD, {"cell": "lstm"}), sequence(new, {"cell": "lstm"})
    enlarge(small, large, new)
    ids = torch.randint(6, (9, 3))

    def gradients() -> dict[str, Tensor]:
        large.zero_grad()
        large.nats(ids[:-1], ids[1:])[0].sum().backward()
        return {name: parameter.grad.clone() for name, parameter in large.named_parameters()}

    first = gradients()
    assert (first["output.weight"] != 0).all()
    reaching = first["stack.layers.0.cell.weight_hh"].view(4, 7, 7)
    assert (reaching[:, :5] != 0).all() and (reaching[:, 5:] == 0).all()
    with torch.no_grad():
        for name, parameter in large.named_parameters():
            parameter -= 0.1 * first[name]
    assert all((gradient != 0).all() for name, gradient in gradients().items() if "weight_hh" in name)


def test_new_units_differ_from_each_other() -> None:
    new = Size(9, 2)
    small, large = sequence(OLD, {"cell": "gru"}), sequence(new, {"cell": "gru"})
    enlarge(small, large, new)
    fresh = large.stack[0].cell.weight_hh.view(3, 9, 9)[:, 5:]
    assert len(torch.unique(fresh.flatten(0, 1), dim=0)) == 12


def test_a_network_that_needs_other_weights_is_refused() -> None:
    options = {"cell": "lstm", "skip": False, "tied": True, "embedding_size": 5}
    small, large = sequence(OLD, options), sequence(Size(8, 2), options)
    with pytest.raises(SpecError, match=r"2 layers of 8 units has projection\.weight, which one of 2 of 5 does not"):
        widened(large, dict(small.named_parameters()), OLD, Size(8, 2))
