from __future__ import annotations

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unspool.data import ngram
from unspool.data.ngram import probabilities, witten_bell
from unspool.errors import DataError, SpecError


def ids(values: list[int], dtype: type = np.uint8) -> np.ndarray:
    return np.array(values, dtype=dtype)


def literal(train: list[int], validation: list[int], size: int, order: int) -> float:
    """The docstring's equation, word by word."""
    followers: defaultdict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
    for k in range(1, order + 1):
        for at in range(k - 1, len(train)):
            followers[tuple(train[at - k + 1 : at])][train[at]] += 1

    def p(symbol: int, context: tuple[int, ...]) -> float:
        shorter = p(symbol, context[1:]) if context else 1 / size
        after = followers[context]
        if not after:
            return shorter
        return (after[symbol] + len(after) * shorter) / (after.total() + len(after))

    logs = [
        math.log(p(validation[at], tuple(validation[max(0, at - order + 1) : at]))) for at in range(1, len(validation))
    ]
    return -sum(logs) / len(logs)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_it_is_the_equation(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 4))
    symbol = st.integers(0, size - 1)
    train = data.draw(st.lists(symbol, min_size=0, max_size=40))
    validation = data.draw(st.lists(symbol, min_size=2, max_size=20))
    order = data.draw(st.integers(1, 6))
    assert witten_bell(ids(train), ids(validation), size, order) == pytest.approx(
        literal(train, validation, size, order), rel=1e-12
    )


def test_many_symbols_do_not_overflow() -> None:
    size = 65536
    text = np.random.default_rng(0).permutation(size)[:40_000]  # 40,000 contexts x 65,536 symbols > 2 ** 31
    train, validation = [*text.tolist(), *text[::-1].tolist()], [0, *text[-60:].tolist(), 65_535, 65_535]
    found = witten_bell(ids(train, np.uint16), ids(validation, np.uint16), size, 4)
    assert found == pytest.approx(literal(train, validation, size, 4), rel=1e-12)


@pytest.mark.parametrize("order", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("context", [[], [0], [0, 1, 2], [4, 4, 4, 4], [0, 1, 4, 1, 0]])
def test_probabilities_sum_to_one(order: int, context: list[int]) -> None:
    train = ids([0, 1, 2, 0, 1, 3, 0, 0, 1, 2, 2, 1, 0])  # symbol 4 never appears
    each = [probabilities(train, ids([*context, symbol]), 5, order)[-1] for symbol in range(5)]
    assert min(each) > 0
    assert sum(each) == pytest.approx(1.0, abs=1e-12)


def test_order_1_by_hand() -> None:
    # a a b: c = 3 and T = 2, so P(a) = (2 + 2/3) / 5, P(b) = (1 + 2/3) / 5, P(c) = (0 + 2/3) / 5
    p = probabilities(ids([0, 0, 1]), ids([2, 0, 1, 2]), 3, order=1)
    np.testing.assert_allclose(p, [2 / 15, 8 / 15, 5 / 15, 2 / 15], rtol=1e-14)
    assert witten_bell(ids([0, 0, 1]), ids([2, 0, 1, 2]), 3, order=1) == pytest.approx(
        -math.log(8 / 15 * 5 / 15 * 2 / 15) / 3
    )


def test_order_2_by_hand() -> None:
    # a a b: after a come a and b once each, so P(b | a) = (1 + 2 P(b)) / 4; nothing comes after b
    p = probabilities(ids([0, 0, 1]), ids([0, 1, 0]), 3, order=2)
    np.testing.assert_allclose(p, [8 / 15, (1 + 2 * 5 / 15) / 4, 8 / 15], rtol=1e-14)


def test_an_unseen_context_leaves_the_shorter_one() -> None:
    train = ids([0, 1, 2, 0, 1, 2, 0, 1])
    after_known, after_unseen = ids([1, 2]), ids([3, 1, 2])
    assert probabilities(train, after_unseen, 4, 3)[-1] == probabilities(train, after_known, 4, 2)[-1]
    assert probabilities(train, after_unseen, 4, 9)[-1] == probabilities(train, after_known, 4, 2)[-1]


def test_the_context_is_the_validation_text_alone() -> None:
    train = ids([0, 1] * 20)
    p = probabilities(train, ids([0, 1, 0, 1]), 2, 5)
    np.testing.assert_array_equal(p[:1], probabilities(train, ids([0]), 2, 1))
    np.testing.assert_array_equal(p[:3], probabilities(train, ids([0, 1, 0]), 2, 3))


@pytest.mark.parametrize(
    ("train", "expected"),
    [([], math.log(4)), ([2], -math.log(1 / 8)), ([2, 2], -math.log(1 / 12)), ([0, 1], -math.log(3 / 8))],
)
def test_tiny_training_texts(train: list[int], expected: float) -> None:
    # the 1 of [0, 1]: P_1 = (1 + 2/4) / 4 = 3/8, and no symbol follows a 3, the symbol before it
    assert witten_bell(ids(train), ids([3, 1]), 4, 5) == pytest.approx(expected)


@pytest.mark.parametrize("validation", [[], [1]])
def test_nothing_to_predict_is_an_error(validation: list[int]) -> None:
    with pytest.raises(DataError, match=rf"at least 2 validation symbols, got {len(validation)}; give a longer"):
        witten_bell(ids([0, 1]), ids(validation), 2)


def test_wrong_arguments_are_errors() -> None:
    with pytest.raises(SpecError, match="must be at least 1, got 0; 5 is usual"):
        witten_bell(ids([0, 1]), ids([0, 1]), 2, order=0)
    with pytest.raises(SpecError, match="size 2, but the training text holds 2; encode"):
        witten_bell(ids([0, 2]), ids([0, 1]), 2)
    with pytest.raises(SpecError, match="size 2, but the validation text holds 7; encode"):
        witten_bell(ids([0, 1]), ids([0, 7]), 2)


def test_the_end_of_training_and_the_start_of_validation_count(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    train, validation = (rng.integers(0, 6, n).astype(np.uint8) for n in (300, 200))
    expected = witten_bell(train[-100:], validation[:50], 6, 3)
    assert witten_bell(train, validation, 6, 3) != expected
    monkeypatch.setattr(ngram, "TRAINING", 100)
    monkeypatch.setattr(ngram, "VALIDATION", 50)
    assert witten_bell(train, validation, 6, 3) == expected


def test_it_finds_the_entropy_of_a_source_of_order_2() -> None:
    rng = np.random.default_rng(2)
    rows = rng.dirichlet(np.ones(4), size=4)
    text = [0]
    for uniform in rng.random(40_000):
        text.append(min(3, int(np.searchsorted(rows[text[-1]].cumsum(), uniform))))
    train, validation = ids(text[:32_000]), ids(text[32_000:])
    truth = -float(np.mean(np.log(rows[validation[:-1], validation[1:]])))
    assert truth < witten_bell(train, validation, 4, 2) < truth + 0.003
    assert witten_bell(train, validation, 4, 1) > truth + 0.1
