"""Runs of symbols have vectors of their own."""

from __future__ import annotations

import torch

from unspool.nets.grams import HashedGrams
from unspool.nets.pooled import PooledNet

torch.set_num_threads(1)


def ids(text: str) -> torch.Tensor:
    return torch.tensor([ord(character) - ord("a") for character in text]).unsqueeze(1)  # [T, 1]


def test_the_vectors_are_those_of_the_runs_that_end_here() -> None:
    grams = HashedGrams(3, 4, buckets=1 << 20)
    pairs, triples = grams.buckets(ids("abcabc"))
    assert pairs[2] == pairs[5] and triples[2] == triples[5]  # "bc" and "abc"
    assert pairs[1] == pairs[4] and triples[1] != triples[4]  # "ab", but the text begins before the first
    assert len({*pairs[:, 0].tolist(), *triples[:, 0].tolist()}) == 4 + 5  # ^a ab bc ca; ^^a ^ab abc bca cab
    weight = grams.table.weight
    torch.testing.assert_close(grams(ids("abcabc"))[5, 0], weight[pairs[5, 0]] + weight[triples[5, 0]])


def test_no_step_reads_what_comes_after_it() -> None:
    grams = HashedGrams(3, 4)
    torch.testing.assert_close(grams(ids("abcde"))[:3], grams(ids("abcxy"))[:3])


def test_few_pairs_share_a_bucket() -> None:
    pairs = torch.cartesian_prod(torch.arange(100), torch.arange(100)).t()  # [2, 10000]
    (found,) = HashedGrams(2, 1).buckets(pairs)
    assert len(set(found[1].tolist())) > 0.9 * 10_000


def test_a_network_learns_pairs_that_its_symbols_do_not_show() -> None:
    net = PooledNet(4, 2, cell="lstm", hidden_size=3, layers=1, embedding_size=5, ngrams=2)
    plain = PooledNet(4, 2, cell="lstm", hidden_size=3, layers=1, embedding_size=5)
    assert plain.grams is None and net.grams is not None
    vectors = net.embed(torch.tensor([[0, 1], [1, 0]]))
    torch.testing.assert_close(
        vectors - net.embedding(torch.tensor([[0, 1], [1, 0]])), net.grams(torch.tensor([[0, 1], [1, 0]]))
    )
    net(torch.tensor([[0, 1], [1, 0]]), torch.tensor([2, 2])).sum().backward()
    assert net.grams.table.weight.grad is not None and net.grams.table.weight.grad.any(1).sum() == 4
