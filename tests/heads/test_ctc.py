"""CTC against a transcription of Graves et al. (2006), (5)-(16), and against sums over every path."""

from __future__ import annotations

import doctest
import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from unspool.draws import Draws
from unspool.errors import DataError, ShapeError, SpecError
from unspool.heads import CTC, HEADS, Head, ctc
from unspool.heads.ctc import collapse

torch.set_num_threads(1)
quick = settings(deadline=None, derandomize=True, max_examples=60)
Text = tuple[int, ...]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scores(*shape: int, seed: int = 0, scale: float = 1.5) -> Tensor:
    return scale * torch.randn(*shape, generator=seeded(seed), dtype=torch.float64)


def said(path: Text, blank: int) -> Text:
    """The map B, literally: of neighbours alike one is kept, then the blanks are left out."""
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol != blank)


def every_path(raw: Tensor) -> dict[Text, list[tuple[float, Text]]]:
    """Text -> (log-probability, path) of every path of raw [T, V + 1] that says it."""
    logs, blank = raw.double().log_softmax(-1).numpy(), raw.shape[1] - 1
    found = defaultdict(list)
    for path in itertools.product(range(blank + 1), repeat=len(raw)):
        found[said(path, blank)].append((float(sum(row[k] for row, k in zip(logs, path, strict=True))), path))
    return found


def forward_backward(y: NDArray[np.float64], text: Text, blank: int) -> tuple[float, NDArray[np.float64]]:
    """p(l | x) and the derivative of -ln p(l | x) by the unnormalised outputs u, [T, V + 1]: equations (5) to (16).

    y [T, V + 1] are probabilities. The paper counts steps and places from 1, here they are counted from 0.
    """
    steps, labels = len(y), [blank]
    for symbol in text:
        labels += [symbol, blank]
    places = len(labels)
    alpha, beta = np.zeros((steps, places)), np.zeros((steps, places))
    alpha[0, 0] = y[0, blank]
    if places > 1:
        alpha[0, 1] = y[0, labels[1]]
    for t in range(1, steps):
        for s in range(places):
            bar = alpha[t - 1, s] + (alpha[t - 1, s - 1] if s >= 1 else 0.0)  # (7)
            if labels[s] != blank and s >= 2 and labels[s - 2] != labels[s]:
                bar += alpha[t - 1, s - 2]
            alpha[t, s] = bar * y[t, labels[s]]  # (6)
    probability = alpha[-1, -1] + (alpha[-1, -2] if places > 1 else 0.0)  # (8)
    beta[-1, -1] = y[-1, blank]
    if places > 1:
        beta[-1, -2] = y[-1, labels[-2]]
    for t in reversed(range(steps - 1)):
        for s in range(places):
            bar = beta[t + 1, s] + (beta[t + 1, s + 1] if s + 1 < places else 0.0)  # (11)
            if labels[s] != blank and s + 2 < places and labels[s + 2] != labels[s]:
                bar += beta[t + 1, s + 2]
            beta[t, s] = bar * y[t, labels[s]]  # (10)
    product, gradient = alpha * beta, np.empty_like(y)
    for t in range(steps):
        z = sum(product[t, s] / y[t, labels[s]] for s in range(places))  # (14)
        assert z == pytest.approx(probability, rel=1e-9)
        for k in range(blank + 1):
            at_k = sum(product[t, s] for s in range(places) if labels[s] == k)
            gradient[t, k] = y[t, k] - at_k / (y[t, k] * z)  # (16), with (15)
    return probability, gradient


@pytest.mark.parametrize("seed", range(6))
def test_values_and_gradients_are_graves(seed: int) -> None:
    source = np.random.default_rng(seed)
    symbols, batch, steps, most = int(source.integers(1, 6)), 5, int(source.integers(6, 30)), 5
    head, raw = CTC(symbols), scores(steps, batch, symbols + 1, seed=seed).requires_grad_()
    target = torch.from_numpy(source.integers(0, symbols, (batch, most)))
    lengths, widths = (
        torch.from_numpy(source.integers(1, steps + 1, batch)),
        torch.from_numpy(source.integers(0, most + 1, batch)),
    )
    found = head.log_prob(raw, target, lengths=lengths, widths=widths)
    (-found[found.isfinite()].sum()).backward()
    assert raw.grad is not None
    fitted = 0
    for row in range(batch):
        text, length = tuple(target[row, : widths[row]].tolist()), int(lengths[row])
        y = raw.detach()[:length, row].softmax(-1).numpy()
        assert bool(found[row].isfinite()) == head.fits(length, text)
        if not head.fits(length, text):
            assert not raw.grad[:, row].any()
            continue
        fitted += 1
        probability, gradient = forward_backward(y, text, head.blank)
        assert found[row].item() == pytest.approx(math.log(probability), rel=1e-9)
        np.testing.assert_allclose(raw.grad[:length, row].numpy(), gradient, atol=1e-9)
        assert not raw.grad[length:, row].any()
    assert fitted


@quick
@given(st.integers(1, 5), st.integers(1, 2), st.integers(0, 1000))
def test_a_text_is_as_likely_as_all_its_paths(steps: int, symbols: int, seed: int) -> None:
    raw, head = scores(steps, 1, symbols + 1, seed=seed), CTC(symbols)
    paths, total = every_path(raw[:, 0]), -math.inf
    for text, found in paths.items():
        ids = torch.tensor([text], dtype=torch.int64).reshape(1, -1)
        log_prob = float(head.log_prob(raw, ids))
        assert log_prob == pytest.approx(float(np.logaddexp.reduce([logs for logs, _ in found])), abs=1e-9)
        total = float(np.logaddexp(total, log_prob))
    assert total == pytest.approx(0, abs=1e-9)


def test_what_fits_is_what_some_path_says() -> None:
    for steps in range(5):
        possible = {said(path, 2) for path in itertools.product(range(3), repeat=steps)}
        for width in range(5):
            for text in itertools.product(range(2), repeat=width):
                assert CTC(2).fits(steps, text) == (text in possible)


def test_derivatives_are_finite_differences() -> None:
    raw = scores(6, 3, 4).requires_grad_()
    target, counts = torch.tensor([[0, 0, 1], [2, 1, 7], [1, 1, 1]]), torch.tensor([6, 4, 5])
    widths = torch.tensor([3, 2, 3])
    assert torch.autograd.gradcheck(lambda raw: CTC(3).log_prob(raw, target, lengths=counts, widths=widths), raw)


def test_padding_reaches_neither_value_nor_gradient() -> None:
    """Not even NaN in the steps beyond a length, nor what is no symbol in the ids beyond a width."""
    head, lengths, widths = CTC(3), torch.tensor([7, 3, 0, 5]), torch.tensor([4, 1, 0, 0])
    target = torch.tensor([[0, 1, 1, 2], [2, -100, 3, 99], [-1, -1, -1, -1], [3, 3, 3, 3]])
    x, weight = scores(7, 4, 2, seed=1), scores(2, 4, seed=2)
    poisoned = x.masked_fill((torch.arange(7)[:, None] >= lengths).unsqueeze(-1), math.nan).requires_grad_()
    shared = weight.clone().requires_grad_()
    raw = poisoned @ shared
    raw.retain_grad()
    found = head.log_prob(raw, target, lengths=lengths, widths=widths)
    found.sum().backward()
    assert raw.grad is not None and bool(raw.grad.isfinite().all())
    for row, (length, width) in enumerate(zip(lengths.tolist(), widths.tolist(), strict=True)):
        if not length:
            assert float(found[row].detach()) == 0
            continue
        alone = (x[:length, row : row + 1] @ weight).requires_grad_()
        log_prob = head.log_prob(alone, target[row : row + 1, :width])
        log_prob.sum().backward()
        assert alone.grad is not None
        assert torch.allclose(found[row].detach(), log_prob.detach(), rtol=1e-12)
        assert torch.allclose(raw.grad[:length, row], alone.grad[:, 0], atol=1e-12)
        assert not raw.grad[length:, row].any()


def test_a_text_that_does_not_fit_has_probability_0_and_no_gradient() -> None:
    raw = scores(2, 3, 3).requires_grad_()
    target = torch.tensor([[0, 0], [0, 1], [0, 0]])
    found = CTC(2).log_prob(raw, target)
    assert found.tolist()[0] == found.tolist()[2] == -math.inf and math.isfinite(float(found[1].detach()))
    found.sum().backward()
    assert raw.grad is not None and bool(raw.grad.isfinite().all())
    assert not raw.grad[:, [0, 2]].any() and bool(raw.grad[:, 1].any())


def test_nothing_to_say_or_nobody_who_says_it() -> None:
    head = CTC(2)
    assert head.log_prob(torch.zeros(0, 2, 3), torch.tensor([[0], [0]]), widths=torch.tensor([0, 1])).tolist() == [
        0.0,
        -math.inf,
    ]
    assert head.log_prob(torch.zeros(4, 0, 3), torch.zeros(0, 2, dtype=torch.int64)).shape == (0,)
    silent = head.log_prob(torch.zeros(3, 1, 3), torch.zeros(1, 0, dtype=torch.int64))
    assert float(silent) == pytest.approx(3 * math.log(1 / 3))
    assert [reading.ids for reading in head.greedy(torch.zeros(0, 2, 3))] == [(), ()]
    assert head.align(torch.zeros(2, 3).log_softmax(-1), []).first == ()


def test_long_sequences_and_half_precision_keep_their_digits() -> None:
    raw, target = scores(600, 2, 30, scale=4.0), torch.randint(0, 29, (2, 80), generator=seeded(3))
    exact = CTC(29).log_prob(raw, target)
    single = CTC(29).log_prob(raw.float(), target)
    assert single.dtype == torch.float32
    np.testing.assert_allclose(single.numpy(), exact.numpy(), rtol=1e-5)
    assert CTC(29).log_prob(raw.bfloat16(), target).dtype == torch.float32


@pytest.mark.parametrize("seed", range(8))
def test_the_best_path_is_the_likeliest_of_all(seed: int) -> None:
    raw, head = scores(5, 2, 3, seed=seed), CTC(2)
    for row, reading in enumerate(head.greedy(raw, torch.tensor([5, 4]))):
        pairs = itertools.chain(*every_path(raw[: 5 - row, row]).values())
        log_prob, path = max(pairs)
        assert reading.ids == said(path, head.blank)
        assert reading.log_prob == pytest.approx(log_prob, rel=1e-9)
        firsts = [t for t, k in enumerate(path) if k != head.blank and (t == 0 or path[t - 1] != k)]
        assert list(reading.steps) == firsts


@pytest.mark.parametrize("seed", range(4))
def test_an_alignment_is_the_likeliest_path_that_says_the_text(seed: int) -> None:
    raw, head = scores(6, 3, seed=seed), CTC(2)
    probabilities = raw.softmax(-1)
    for text, paths in every_path(raw).items():
        log_prob, path = max(paths)
        found = head.align(raw.log_softmax(-1), text)
        assert found.log_prob == pytest.approx(log_prob, rel=1e-9)
        spans = [list(group) for k, group in itertools.groupby(range(6), lambda t, path=path: path[t])]
        spans = [span for span in spans if path[span[0]] != head.blank]
        assert [(span[0], span[-1]) for span in spans] == list(zip(found.first, found.last, strict=True))
        means = [float(probabilities[span, path[span[0]]].mean()) for span in spans]
        np.testing.assert_allclose(found.probability, means, rtol=1e-12)


def test_what_cannot_be_aligned_is_refused() -> None:
    head, flat = CTC(2), torch.zeros(2, 3).log_softmax(-1)
    with pytest.raises(DataError, match="2 symbols need 3 and 2 came"):
        head.align(flat, [1, 1])
    with pytest.raises(DataError, match="its probability is above 0"):
        head.align(torch.tensor([[0.0, -math.inf, 0.0]] * 4), [0, 1])
    with pytest.raises(ShapeError, match=r"\[T, 3\].*got \[2, 1, 3\]"):
        head.align(flat.unsqueeze(1), [1])
    with pytest.raises(DataError, match=r"0\.\.1, but 2 came"):
        head.align(flat, [2])


def test_the_texts_of_sampled_paths_are_as_frequent_as_they_are_likely() -> None:
    head, count = CTC(2), 6000
    raw = scores(3, 1, 3, seed=5, scale=0.7)
    source = Draws(0, range(count))
    paths = head.sample(raw.expand(3, count, 3), uniforms=torch.stack([source.at(step) for step in range(3)]))
    met: dict[Text, int] = defaultdict(int)
    for path in paths.T:
        met[tuple(collapse(path, head.blank)[0].tolist())] += 1
    chi_square, texts = 0.0, every_path(raw[:, 0])
    for text in texts:
        expected = count * float(head.log_prob(raw, torch.tensor([text], dtype=torch.int64).reshape(1, -1)).exp())
        chi_square += (met[text] - expected) ** 2 / expected
    assert len(texts) == 9 and chi_square < 26.1  # quantile 0.999 at 8 degrees of freedom


def test_wrong_calls_are_refused_with_a_sentence() -> None:
    head, raw, target = CTC(2), torch.zeros(4, 2, 3), torch.zeros(2, 2, dtype=torch.int64)
    with pytest.raises(SpecError, match="at least 1 symbol besides the blank, got 0"):
        CTC(0)
    with pytest.raises(ShapeError, match=r"raw must be \[T, B, 3\].*got \[4, 2, 5\]"):
        head.log_prob(torch.zeros(4, 2, 5), target)
    with pytest.raises(ShapeError, match=r"target must be \[2, U\].*got \[3, 2\]"):
        head.log_prob(raw, torch.zeros(3, 2, dtype=torch.int64))
    with pytest.raises(ShapeError, match=r"lengths must be \[2\], each in 0\.\.4, got \[5, 1\]"):
        head.log_prob(raw, target, lengths=torch.tensor([5, 1]))
    with pytest.raises(ShapeError, match=r"widths must be \[2\], each in 0\.\.2, got \[2\]"):
        head.log_prob(raw, target, widths=torch.tensor([2]))
    for wrong in (-1, 2):
        with pytest.raises(DataError, match=rf"0\.\.1, but {wrong} came; 2 is the blank"):
            head.log_prob(raw, torch.tensor([[0, 1], [1, wrong]]))


def test_arguments_are_left_alone() -> None:
    raw, target = torch.randn(4, 2, 3, generator=seeded()), torch.tensor([[0, 1], [1, 9]])
    lengths, widths = torch.tensor([4, 3]), torch.tensor([2, 1])
    given = raw, target, lengths, widths
    copies = [tensor.clone() for tensor in given]
    head = CTC(2)
    head.log_prob(raw, target, lengths=lengths, widths=widths)
    head.greedy(raw, lengths)
    head.align(raw[:, 0], [0, 1])
    head.sample(raw, uniforms=torch.zeros(4, 2))
    head.mean(raw)
    assert all(torch.equal(now, then) for now, then in zip(given, copies, strict=True))


def test_the_registry_names_it_and_it_follows_the_protocol() -> None:
    head: Head = CTC(3)
    assert HEADS["ctc"] is type(head) and head.size == 4
    assert torch.allclose(head.mean(torch.zeros(2, 1, 4)), torch.tensor(0.25))


def test_examples() -> None:
    assert doctest.testmod(ctc).failed == 0
