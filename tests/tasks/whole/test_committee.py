from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import unspool
from tests.tasks.made import CLASSIFIER, rows, waves
from unspool.data.builtin import builtin_adding
from unspool.errors import SpecError
from unspool.nets.pooled import PooledNet
from unspool.spec import replace
from unspool.tasks.whole.classifier import Classifier
from unspool.tasks.whole.classifier_options import ClassifierOptions
from unspool.tasks.whole.committee import Committee
from unspool.tasks.whole.regressor import Regressor
from unspool.tasks.whole.regressor_options import RegressorOptions
from unspool.tasks.whole.saliency import gradient_times_input

X, LENGTHS = torch.randn(6, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1)), torch.tensor([6, 4])


def prepared(data: Any, **options: Any) -> Classifier:
    task = Classifier.prepare(ClassifierOptions(**{**CLASSIFIER, **options}), data)
    task.model = task.build()
    return task


def committee(size: int = 0) -> Committee:
    """A committee of three on two channels, or on symbols with an embedding of that size."""
    torch.manual_seed(1)
    shape: dict[str, Any] = {"cell": "lstm", "hidden_size": 5, "layers": 1, "embedding_size": size, "dropout": 0.3}
    return Committee([PooledNet(9 if size else 2, 3, **shape) for _ in range(3)]).double()


def test_the_answer_is_the_mean_of_all() -> None:
    net = committee().eval()
    each = torch.stack([member(X, LENGTHS) for member in net.nets])
    assert not torch.equal(each[0], each[1])
    torch.testing.assert_close(net(X, LENGTHS), each.mean(0))


def test_each_learns_for_itself() -> None:
    """The gradient of a member is a share of its own loss's, however the others answer."""
    task = prepared(waves(24), members=3)
    batch = next(task.batches())
    task.model.eval()
    loss = task.loss(batch, None).sum
    own = [task.cost(member(batch.values, batch.lengths), batch.labels).sum() for member in task.model.nets]
    torch.testing.assert_close(loss, torch.stack(own).mean())
    loss.backward()
    for member in task.model.nets:
        told = [parameter.grad.clone() for parameter in member.parameters()]
        member.zero_grad()
        task.cost(member(batch.values, batch.lengths), batch.labels).sum().backward()
        for shared, parameter in zip(told, member.parameters(), strict=True):
            torch.testing.assert_close(3 * shared, parameter.grad)


@pytest.mark.parametrize("size", [0, 4])
def test_shares_are_first_order(size: int) -> None:
    net = committee(size).eval()
    x = torch.randint(9, (6, 2)) if size else X
    vectors = net.embed(x)
    assert vectors.shape == (6, 2, 3 * size if size else 2)
    torch.testing.assert_close(net.answer(vectors, LENGTHS), net(x, LENGTHS))
    shares = gradient_times_input(net, x, LENGTHS, lambda raw: raw[:, 1])  # type: ignore[arg-type]
    moved = vectors.clone()
    moved[3, 1] *= 1 + 1e-6
    slope = (net.answer(moved, LENGTHS) - net.answer(vectors, LENGTHS))[1, 1].item() / 1e-6
    assert shares[1][3].sum() == pytest.approx(slope, rel=1e-3)


def test_with_both_encoders_the_members_take_turns() -> None:
    aligned = (np.random.default_rng(0).normal(size=(20, 32)), ["a", "b"] * 10)
    nets = prepared(aligned, members=4, encoder="both", frame=4).model.nets
    assert [net.encoder is not None for net in nets] == [False, True, False, True]
    assert [net.frame for net in nets] == [4, 1, 4, 1]
    assert [net.pooling.kind for net in nets] == ["last", "mean"] * 2


def test_whoever_asks_for_both_encoders_gets_two_networks() -> None:
    task = Regressor.prepare(RegressorOptions(hidden_size=8, encoder="both"), builtin_adding(12, 20, 0))
    assert len(task.build().nets) == 2  # type: ignore[arg-type]


def test_one_network_where_nothing_is_said_of_members() -> None:
    task = prepared(waves(24), members=2)
    task.options = replace(task.options, members=None)  # as files from before have it
    assert isinstance(task.build(), PooledNet)
    assert isinstance(prepared([(text, label) for label, text in rows(48)]).model, PooledNet)  # texts
    assert isinstance(prepared(waves(24), causal=True).model, PooledNet)


def test_a_committee_is_kept_and_trained_on(tmp_path: Path) -> None:
    options = {**CLASSIFIER, "members": 2}
    run = unspool.train("classifier", waves(24), steps=3, out=str(tmp_path / "run"), **options)
    loaded, others = unspool.load(str(run.path)), waves(5, seed=2)[0]
    for ours, theirs in zip(run.model.predict(others), loaded.predict(others), strict=True):
        np.testing.assert_allclose(ours.probabilities, theirs.probabilities, rtol=1e-6)
    onward = unspool.begin("classifier", waves(24), base=str(run.path), out=str(tmp_path / "onward"))
    assert len(onward.task.model.nets) == 2


@pytest.mark.parametrize("options", [
    {"causal": True, "members": 2},
    {"causal": True, "encoder": "both"},
    {"encoder": "both", "members": 1},
])  # fmt: skip
def test_refusals(options: dict[str, Any]) -> None:
    with pytest.raises(SpecError, match="leave one"):
        prepared(waves(24), **options)
