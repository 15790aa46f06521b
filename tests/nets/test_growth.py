from __future__ import annotations

import pytest
import torch

from unspool.nets.growth import grown, grown_clusters, places_of
from unspool.nets.sequence import SequenceNet
from unspool.nets.softmax import Clusters

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


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("order", [(), tuple(range(69, -1, -1))], ids=["by frequency", "another order"])
@pytest.mark.parametrize("added", [[], [0, 5, 33], list(range(70, 170))], ids=["none", "between", "many behind"])
def test_an_adaptive_softmax_keeps_the_shares_of_old_symbols(added, order, tied):
    torch.manual_seed(0)
    count = 70 + len(added)
    into = torch.tensor([number for number in range(count) if number not in added])  # old id -> new id
    numbers = {new: old for old, new in enumerate(into.tolist())}
    places = places_of(range(70), [numbers.get(new, ("new", new)) for new in range(count)])
    options = {"embedding_size": 4, "softmax": "adaptive", "tied": tied}
    before = Clusters((4, 23), order)
    after = grown_clusters(before, places)
    assert after.cutoffs == ((4, 23, 70) if added else (4, 23))
    old, new = net(range(70), clusters=before, **options), net(range(count), clusters=after, **options)
    for parameter in old.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    tensors = grown(new, dict(old.named_parameters()), places)
    for name, parameter in new.named_parameters():
        parameter.data.copy_(tensors[name])
    text = torch.tensor([[0], [31], [69], [5]])
    theirs, ours = old(text).raw, new(into[text]).raw
    assert torch.allclose(ours[..., into].log_softmax(-1), theirs, atol=1e-5)
    if added:  # a new symbol is as likely as one of the rarest cluster is in the mean
        rarest = into[list((order or range(70))[23:])]
        mean = ours[..., rarest].exp().mean(-1, keepdim=True)
        torch.testing.assert_close(ours[..., added].exp(), mean.expand(4, 1, len(added)), rtol=1e-4, atol=0)


def test_clusters_that_grow_twice_and_not_at_all():
    clusters = Clusters((4, 23))
    for first, last in ((70, 75), (75, 76)):
        clusters = grown_clusters(clusters, places_of(range(first), range(last)))
    assert clusters == Clusters((4, 23, 70, 75))
    assert grown_clusters(clusters, places_of(range(76), range(76))) == clusters
