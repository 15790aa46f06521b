"""The network of the language models: dropout of whole symbols, and layers of unequal size."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from unspool.engine.dropout import mask
from unspool.engine.generator import Generator
from unspool.nets.sequence import SequenceNet


def net(**options: Any) -> SequenceNet:
    torch.manual_seed(0)
    return SequenceNet(30, **{"cell": "gru", "hidden_size": 6, "layers": 1, "embedding_size": 5, **options})


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


IDS = torch.randint(0, 30, (12, 3), generator=seeded(0))


@pytest.mark.parametrize("embedding_size", [0, 5])
def test_embedding_dropout_forgets_symbols_for_a_window(embedding_size: int) -> None:
    """As if the rows of the embedding, or the columns of a one-hot input's matrix, were 0 or scaled."""
    loud, plain = net(embedding_dropout=0.4, embedding_size=embedding_size), net(embedding_size=embedding_size)
    kept = mask((30, 1), 0.4, seeded(), loud.output.weight)
    with torch.no_grad():
        if plain.embedding is not None:
            plain.embedding.weight.mul_(kept)
        else:
            plain.stack[0].cell.weight_ih.mul_(kept.t())
    torch.testing.assert_close(loud(IDS, generator=seeded()).raw, plain(IDS).raw, rtol=0, atol=1e-5)
    if loud.embedding is not None:
        loud(IDS, generator=seeded()).raw.square().sum().backward()
        gone = kept[:, 0] == 0
        assert loud.embedding.weight.grad is not None
        assert not loud.embedding.weight.grad[gone].any()
        assert loud.embedding.weight.grad[~gone & torch.isin(torch.arange(30), IDS)].any(1).all()


def test_embedding_dropout_is_the_generators_and_nothing_outside_training() -> None:
    loud = net(embedding_dropout=0.4)
    before = torch.get_rng_state()
    one, two, other = (loud(IDS, generator=seeded(seed)).raw for seed in (1, 1, 2))
    assert torch.equal(one, two) and not torch.equal(one, other)
    assert torch.equal(loud.eval()(IDS).raw, net().eval()(IDS).raw)
    assert torch.equal(torch.get_rng_state(), before)
    assert not isinstance(loud.generation_plan(), str)


@pytest.mark.parametrize("skip", [False, True])
def test_layers_of_unequal_size_are_written_natively(skip: bool) -> None:
    uneven = net(cell="lstm", hidden_size=[4, 9, 3], layers=3, skip=skip, weight_dropout=0.3, noise=0.1).eval()
    plan = uneven.generation_plan()
    assert not isinstance(plan, str)
    scores, state = Generator(plan).step(IDS[0], uneven.init_state(3))
    expected = uneven(IDS[:1])
    torch.testing.assert_close(scores, expected.raw[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(state[1].c, expected.state[1].c, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"residual": True}, "the native generator has no residual connections"),
        ({"transition_layers": 1}, "the native generator has no DeepTransition"),
        ({"layer_norm": True}, "the native generator has no LayerNormGRU"),
    ],
)
def test_what_is_written_by_the_loop(options: dict[str, Any], reason: str) -> None:
    assert net(**options).eval().generation_plan() == reason


def test_masks_are_not_for_training_only_in_the_plan() -> None:
    assert net(weight_dropout=0.2).generation_plan() == "the native generator has no dropout; call eval()"


def test_normalised_networks_start_like_the_others() -> None:
    """Forget-gate biases of 1 in every kind of LSTM; gains of 1 whatever range the first weights are drawn from."""
    start = net(cell="lstm", layer_norm=True, transition_layers=1)
    cell = start.get_submodule("stack.layers.0.cell.cell")
    assert torch.equal(cell.bias_ih[6:12], torch.ones(6))
    ranged = net(cell="lstm", layer_norm=True, init_range=0.1)
    for name, parameter in ranged.named_parameters():
        small = parameter.abs().max() <= 0.1
        assert small != ("gain" in name), name
