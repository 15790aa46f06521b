"""Padding in front or behind, with and without lengths: `python benchmarks/padding.py [--seeds 5]`.

Lines of prose and of code (the built-in labelled lines), all padded to the longest with a symbol of its own; one LSTM
from left to right whose last state is read. Without `lengths` the network reads the padding as if it were text, so
that what stands behind a line has to be remembered through; with them it makes no difference, which is the last row.
"""

from __future__ import annotations

import argparse
import random
import statistics

import numpy as np
import torch
from command import print_place, print_table
from torch import Tensor
from torch.nn import functional

from unspool.data.builtin import builtin_labelled
from unspool.data.sequence import pad
from unspool.data.vocabulary import CharVocabulary
from unspool.nets.pooled import PooledNet
from unspool.training.schedule import learning_rate

EACH, HELD, BATCH, HIDDEN, RATE = 500, 0.2, 32, 64, 5e-3
WAYS = (("behind", False), ("in front", False), ("behind", True))


def main() -> None:
    """Train with each way of padding and each seed, and print the accuracies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--updates", type=int, default=300)
    given = parser.parse_args()
    rows = []
    for place, known in WAYS:
        found = [
            accuracy("front" if place == "in front" else "back", known, seed, given.updates)
            for seed in range(given.seeds)
        ]
        spread = f"{min(found):.3f} to {max(found):.3f}"
        rows.append([place, "yes" if known else "no", statistics.mean(found), spread])
    print_place()
    print_table(["padding", "lengths known", "accuracy (mean)", "range"], rows)


def accuracy(side: str, known: bool, seed: int, updates: int) -> float:
    """Return the share of held-out lines whose kind is found."""
    pairs = builtin_labelled(EACH)
    random.Random(seed).shuffle(pairs)
    vocabulary = CharVocabulary.of(text for text, _ in pairs)
    x, lengths = pad([vocabulary.encode(text) + 1 for text, _ in pairs], side)  # 0 is padding alone
    labels = torch.tensor([kind == "code" for _, kind in pairs], dtype=torch.int64)
    if not known:
        lengths = torch.full_like(lengths, x.shape[1])
    held = int(HELD * len(pairs))
    torch.manual_seed(seed)
    net = PooledNet(
        len(vocabulary) + 1, 2, cell="lstm", hidden_size=HIDDEN, layers=1, embedding_size=16, pooling="last"
    )
    train(net, x[held:], lengths[held:], labels[held:], updates, seed)
    net.eval()
    with torch.no_grad():
        guess = net(x[:held].t(), lengths[:held]).argmax(1)
    return float((guess == labels[:held]).float().mean())


def train(net: PooledNet, x: Tensor, lengths: Tensor, labels: Tensor, updates: int, seed: int) -> None:
    """Make updates with AdamW and a cosine schedule."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE)
    rng = np.random.default_rng(seed)
    for update in range(updates):
        index = torch.from_numpy(rng.integers(0, len(x), BATCH))
        loss = functional.cross_entropy(net(x[index].t(), lengths[index]), labels[index])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.param_groups[0]["lr"] = learning_rate(RATE, update, update / updates, 30)
        optimizer.step()


if __name__ == "__main__":
    main()
