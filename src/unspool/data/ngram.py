"""The n-gram model of symbols that a network of the same text has to beat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from unspool.errors import DataError, SpecError

TRAINING: Final = 2_000_000  # symbols that are counted, the last of the training text
VALIDATION: Final = 500_000  # symbols that are predicted, the first of the validation text

Symbols = NDArray[np.integer[Any]]
Counts = NDArray[np.int64]


def witten_bell(train_ids: Symbols, validation_ids: Symbols, vocabulary_size: int, order: int = 5) -> float:
    """Return the mean of -ln P_n over the validation symbols but the first, in nats a symbol; n is the order.

    P_k(w | h) = (c(hw) + T(h) P_{k-1}(w | h')) / (c(h) + T(h)),  P_0(w) = 1 / V

    h are the k - 1 symbols before w and h' all of them but the first; c(hw) says how often w follows h in
    training, c(h) how often anything does, T(h) how many different symbols do. A context h that nothing
    follows in training leaves P_{k-1} as it is. No context reaches back beyond the start of the validation
    text.

    T / (c + T) is the escape probability of method C in Witten & Bell, "The Zero-Frequency Problem", IEEE
    Transactions on Information Theory 37 (1991); they escape only to symbols that are new after h, here every
    order has its share in every symbol. At most the last 2,000,000 symbols of training are counted and the
    first 500,000 of validation predicted, which bounds time and memory.

    Raises:
        DataError: fewer than two validation symbols, so that there is nothing to predict.
    """
    if len(validation_ids) < 2:
        raise DataError(
            f"an n-gram model is measured on at least 2 validation symbols, got {len(validation_ids)}; "
            "give a longer text"
        )
    predicted = probabilities(train_ids[-TRAINING:], validation_ids[:VALIDATION], vocabulary_size, order)
    return float(-np.log(predicted[1:]).mean())


def probabilities(
    train_ids: Symbols, validation_ids: Symbols, vocabulary_size: int, order: int = 5
) -> NDArray[np.float64]:
    """P_n of each validation symbol after those before it, as in `witten_bell`; the first has no context."""
    if order < 1:
        raise SpecError(f"the order of an n-gram model must be at least 1, got {order}; 5 is usual")
    for name, ids in (("training", train_ids), ("validation", validation_ids)):
        if len(ids) and int(ids.max()) >= vocabulary_size:
            raise SpecError(
                f"ids must lie below the vocabulary's size {vocabulary_size}, but the {name} text holds "
                f"{int(ids.max())}; encode it with the same vocabulary"
            )
    p = np.full(len(validation_ids), 1.0 / vocabulary_size)
    for start, counts in enumerate(_orders(train_ids, validation_ids, vocabulary_size, order)):
        shorter = p[start:]  # P_{k-1} of the symbols that have k - 1 = start others before them
        with np.errstate(invalid="ignore"):  # 0 / 0 where the context is unknown
            longer = (counts.gram + counts.types * shorter) / (counts.context + counts.types)
        p[start:] = np.where(counts.context > 0, longer, shorter)
    return p


class _Counted(NamedTuple):
    """c(hw), c(h) and T(h) of order k, one each for the validation symbols from the k-th on."""

    gram: Counts
    context: Counts
    types: Counts


def _orders(train_ids: Symbols, validation_ids: Symbols, size: int, order: int) -> Iterator[_Counted]:
    """Yield the counts of orders 1 to `order`, fewer where a text is shorter than that.

    A context is the number of its gram among the sorted different grams of the order below, -1 where training
    lacks it: context x V + symbol then fits 64 bits at any order, which V ** order does not.
    """
    symbols, read = train_ids.astype(np.int64), validation_ids.astype(np.int64)
    context, place = np.zeros_like(symbols), np.zeros_like(read)  # order 1: one context, the empty one
    contexts = 1
    for _ in range(order):
        if not len(symbols) or not len(read):
            return
        grams, context, times = np.unique(context * size + symbols, return_inverse=True, return_counts=True)
        owner = grams // size  # the context of each gram
        followed = _at(np.bincount(owner, times, minlength=contexts).astype(np.int64), place)
        types = _at(np.bincount(owner, minlength=contexts), place)
        place = _find(grams, place * size + read)  # negative, hence not there, where place is -1
        yield _Counted(_at(times, place), followed, types)
        # the gram that ends at a symbol is the context of the next one
        symbols, context = symbols[1:], context[:-1]
        read, place = read[1:], place[:-1]
        contexts = len(grams)


def _find(grams: Counts, wanted: Counts) -> Counts:
    """Where each wanted gram stands in the sorted grams, -1 where it does not."""
    near = np.searchsorted(grams, wanted).clip(max=len(grams) - 1)
    return np.where(grams[near] == wanted, near, -1)


def _at(counts: Counts, place: Counts) -> Counts:
    """The counts at the places, 0 at place -1."""
    return np.where(place < 0, 0, counts[place])
