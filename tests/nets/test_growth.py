from __future__ import annotations

import pytest
import torch

from unspool.nets.growth import grown, places_of
from unspool.nets.sequence import SequenceNet

OLD, NEW = ["a", "b", "d"], ["a", "b", "c", "d", "e"]


def net(symbols: list[str], **options) -> SequenceNet:
    made = SequenceNet(len(symbols), cell="lstm", hidden_size=6, layers=2, skip=True, **options)
    return made.eval()


@pytest.mark.parametrize("options", [{"embedding_size": 4}, {"embedding_size": 4, "tied": True}, {}])
def test_old_symbols_are_scored_as_before_but_for_the_new_ones_share(options):
    torch.manual_seed(0)
    old, new = net(OLD, **options), net(NEW, **options)
    places = places_of(OLD, NEW)
    assert places.tolist() == [0, 1, -1, 2, -1]
    tensors = grown(new, dict(old.named_parameters()), places)
    for name, parameter in new.named_parameters():
        parameter.data.copy_(tensors[name])
    text = torch.tensor([[0], [2], [1], [2]])
    into = torch.tensor([0, 1, 3])  # old id -> new id
    before, after = old(text).raw, new(into[text]).raw
    assert torch.allclose(after[..., into], before, atol=1e-6)
    assert torch.allclose(after[..., [2]], after[..., [4]])
    assert torch.equal(new.output.bias[2], old.output.bias.min())


def test_a_new_symbol_reads_like_the_mean_of_the_old():
    torch.manual_seed(0)
    old, new = net(OLD), net(NEW)
    tensors = grown(new, dict(old.named_parameters()), places_of(OLD, NEW))
    columns = tensors["stack.layers.1.cell.weight_ih"]  # the symbols' columns, then those of the layer below
    assert columns.shape == (24, 5 + 6)
    assert torch.allclose(columns[:, 2], old.stack[1].cell.weight_ih[:, :3].mean(1))
    assert torch.equal(columns[:, 5:], old.stack[1].cell.weight_ih[:, 3:])
