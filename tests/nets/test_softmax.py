from __future__ import annotations

import pytest
import torch

from unspool.errors import SpecError
from unspool.nets.sequence import SequenceNet
from unspool.nets.softmax import AdaptiveSoftmax, Clusters, FullSoftmax, clusters_of, output_layer

CUTOFFS = (5, 12)


@pytest.fixture
def layer() -> AdaptiveSoftmax:
    torch.manual_seed(0)
    made = AdaptiveSoftmax(7, 40, Clusters(CUTOFFS))
    torch.nn.init.normal_(made.bias)
    return made.double()


def literal(layer: AdaptiveSoftmax, h: torch.Tensor) -> torch.Tensor:
    """Grave et al. 2017, written symbol by symbol."""
    w, b, k = layer.weight, layer.bias, layer.clusters
    short = [w[v] @ h + b[v] for v in range(5)] + [k.weight[j] @ h + k.bias[j] for j in range(2)]
    mass = sum(torch.exp(score) for score in short)
    p = [torch.exp(score) / mass for score in short]
    found = p[:5]
    for j, (low, high) in enumerate([(5, 12), (12, 40)]):
        inside = [torch.exp(w[v] @ h + b[v]) for v in range(low, high)]
        found += [p[5 + j] * score / sum(inside) for score in inside]
    return torch.stack(found)


def test_is_the_papers_distribution(layer):
    hidden = torch.randn(3, 7, dtype=torch.float64)
    expected = torch.stack([literal(layer, row) for row in hidden])
    assert torch.allclose(layer(hidden).exp(), expected)
    assert torch.allclose(layer(hidden).exp().sum(-1), torch.ones(3, dtype=torch.float64))


def test_nats_are_minus_the_log_probability_and_so_are_their_gradients(layer):
    hidden = torch.randn(6, 4, 7, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(40, (6, 4))
    cheap, full = layer.nats(hidden, targets), -layer(hidden).gather(-1, targets[..., None])[..., 0]
    assert torch.allclose(cheap, full)
    weights = torch.randn_like(cheap)
    wanted = [hidden, *layer.parameters()]
    for one, other in zip(
        torch.autograd.grad(cheap, wanted, weights), torch.autograd.grad(full, wanted, weights), strict=True
    ):
        assert torch.allclose(one, other)


@pytest.mark.parametrize("targets", [[0, 4], [5, 11], [12, 39]], ids=["short list", "first cluster", "last cluster"])
def test_targets_of_one_group_only(layer, targets):
    hidden, wanted = torch.randn(2, 7, dtype=torch.float64), torch.tensor(targets)
    expected = -layer(hidden).gather(-1, wanted[:, None])[:, 0]
    assert torch.allclose(layer.nats(hidden, wanted), expected)


def test_agrees_with_torch(layer):
    theirs = torch.nn.AdaptiveLogSoftmaxWithLoss(7, 40, list(CUTOFFS), div_value=1.0, head_bias=True).double()
    with torch.no_grad():
        theirs.head.weight.copy_(torch.cat([layer.weight[:5], layer.clusters.weight]))
        theirs.head.bias.copy_(torch.cat([layer.bias[:5], layer.clusters.bias]))
        layer.bias[5:] = 0  # torch's clusters have no bias
        for tail, low, high in zip(theirs.tail, CUTOFFS, (12, 40), strict=True):
            tail[0].weight.copy_(torch.eye(7))
            tail[1].weight.copy_(layer.weight[low:high])
    hidden = torch.randn(9, 7, dtype=torch.float64)
    assert torch.allclose(layer(hidden), theirs.log_prob(hidden))


@pytest.mark.parametrize("cutoffs", [(), (0, 5), (5, 5), (5, 40), (12, 5)])
def test_cutoffs_must_rise(cutoffs):
    with pytest.raises(SpecError, match="cutoffs must rise"):
        AdaptiveSoftmax(7, 40, Clusters(cutoffs))


def test_small_vocabularies_have_no_clusters():
    with pytest.raises(SpecError, match="at least 64 symbols, got 30"):
        output_layer("adaptive", 4, 30)
    assert isinstance(output_layer("full", 4, 100_000), FullSoftmax)
    assert output_layer("adaptive", 4, 33_278).cutoffs == (2079, 11092)


@pytest.mark.parametrize("order", [(*range(39), 38), tuple(range(39)), tuple(range(1, 41))])
def test_an_order_holds_each_symbol_once(order):
    with pytest.raises(SpecError, match="each of its 40 symbols once"):
        AdaptiveSoftmax(7, 40, Clusters(CUTOFFS, order))


def test_how_symbols_are_numbered_does_not_matter(layer):
    """The same weights under other numbers, with an order that says which is which, are the same distribution."""
    number = torch.randperm(40)  # of each symbol by falling frequency
    other = AdaptiveSoftmax(7, 40, Clusters(CUTOFFS, tuple(number.tolist()))).double()
    with torch.no_grad():
        other.weight[number], other.bias[number] = layer.weight, layer.bias
    other.clusters.load_state_dict(layer.clusters.state_dict())
    hidden, targets = torch.randn(6, 4, 7, dtype=torch.float64), torch.randint(40, (6, 4))
    assert torch.allclose(other(hidden)[..., number], layer(hidden))
    one, two = layer.nats(hidden, targets), other.nats(hidden, number[targets])
    assert torch.allclose(one, two)
    (left,), (right,) = (torch.autograd.grad(nats.sum(), [made.weight]) for nats, made in ((one, layer), (two, other)))
    assert torch.allclose(right[number], left)
    assert set(other.state_dict()) == set(layer.state_dict())


def test_symbols_are_ordered_by_how_often_they_come():
    counts = [1] * 30 + [9] * 40 + [50]  # as of a mark, which is numbered last
    clusters = clusters_of(71, counts)
    assert clusters.cutoffs == (4, 23)
    assert clusters.order == (70, *range(30, 70), *range(30))
    assert clusters_of(71) == Clusters((4, 23))


@pytest.mark.parametrize("softmax", ["full", "adaptive"])
@pytest.mark.parametrize("width", [6, 10])
def test_tied_weights_are_the_embeddings(softmax, width):
    """Width 10 is that of the stack's output; another one goes through a projection."""
    net = SequenceNet(
        80, cell="lstm", hidden_size=10, layers=1, embedding_size=width, tied=True, softmax=softmax
    ).eval()
    assert net.output.weight is net.embedding.weight
    assert (net.projection is None) == (width == 10)
    ids = torch.randint(80, (5, 2))
    scores = net(ids[:-1]).raw
    nats, _ = net.nats(ids[:-1], ids[1:])
    assert torch.allclose(nats, -scores.log_softmax(-1).gather(-1, ids[1:, :, None])[..., 0], atol=1e-6)
    output = net.stack(net.embed(ids[:-1])).output
    assert torch.allclose(net.scores(output), scores)


def test_the_native_generator_writes_through_a_projection():
    from unspool.engine.generator import Generator, native_generator

    torch.manual_seed(1)
    net = SequenceNet(20, cell="gru", hidden_size=8, layers=2, skip=True, embedding_size=5, tied=True).eval()
    generator = native_generator(net)
    if isinstance(generator, str):
        pytest.skip(generator)
    assert isinstance(generator, Generator)
    ids = torch.tensor([[3], [7], [19]])
    state = net.init_state(1)
    for symbols in ids:
        scores, state = generator.step(symbols, state)
    assert torch.allclose(scores, net(ids).raw[-1], atol=1e-5)
