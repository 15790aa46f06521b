from __future__ import annotations

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.data.groups import check_apart, held_groups
from unspool.data.labelled import read_labelled, split
from unspool.data.stepwise import read_stepwise

MEMBERS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 2)), min_size=2, max_size=60)


@given(MEMBERS, st.floats(0.05, 0.95), st.integers(0, 3))
def test_no_group_is_divided_and_the_training_keeps_every_class(members, fraction, seed):
    rows = [(f"{place}", f"c{label}", f"g{group}") for place, (group, label) in enumerate(members)]
    of_class = {label: {row[2] for row in rows if row[1] == label} for _, label, _ in rows}
    alone = {next(iter(groups)) for groups in of_class.values() if len(groups) == 1}
    if len(of_class) < 2 or alone == {row[2] for row in rows}:
        return
    frame = pandas.DataFrame(rows, columns=["text", "label", "who"])
    rest, held = split(read_labelled(frame, group="who"), fraction, seed)
    assert len(rest) + len(held) == len(rows)
    assert not set(rest.groups) & set(held.groups)
    assert set(rest.labels) == set(range(len(of_class)))
    assert len(held)
    assert held.fingerprint == split(read_labelled(frame, group="who"), fraction, seed)[1].fingerprint


def test_classes_come_as_near_to_the_fraction_as_groups_allow():
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(100), 10)
    counts = np.eye(3)[rng.choice(3, 1000, p=[0.7, 0.2, 0.1])]
    for seed in range(5):
        held = held_groups(groups, counts, 0.2, seed)
        shares = counts[held].sum(0) / counts.sum(0)
        assert np.abs(shares - 0.2).max() < 0.05, shares


def test_two_large_groups_are_one_on_each_side():
    held = held_groups(np.array([0, 0, 1, 1]), np.ones((4, 1)), 0.1, 0)
    assert held.sum() == 2
    held = held_groups(np.array([0, 0, 1, 1]), np.ones((4, 1)), 0.9, 0)
    assert held.sum() == 2


def test_groups_in_any_format(tmp_path):
    rows = [("a", 0, "p"), ("b", 1, "q"), ("c", 0, "q"), ("d", 1, "p")]
    frame = pandas.DataFrame(rows, columns=["text", "label", "who"])
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    for data in (*tmp_path.iterdir(), frame, frame.to_dict("list")):
        assert read_labelled(data, group="WHO").groups.tolist() == [0, 1, 1, 0], data
    both = read_labelled([tmp_path / "a.csv", tmp_path / "a.tsv"], group="who")
    assert both.groups.tolist() == [0, 1, 1, 0] * 2
    assert read_labelled(frame).fingerprint == read_labelled(frame, group="who").fingerprint
    np.savez(tmp_path / "a.npz", X=np.zeros((3, 2)), y=[0, 1, 0], who=[5, 5, 6])
    assert read_labelled(tmp_path / "a.npz", group="who").groups.tolist() == [0, 0, 1]
    long = frame.loc[frame.index.repeat(2)].assign(v=1.0).drop(columns="text").assign(key=np.repeat(range(4), 2))
    assert read_labelled(long, key="key", group="who").groups.tolist() == [0, 1, 1, 0]


def test_no_groups_are_needed_where_no_labels_are():
    assert read_labelled({"text": ["a"]}, group="who", require_labels=False).groups is None


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        ([("a", 0), ("b", 1)], ["groups are a column", "the given data has none called 'who'", "leave the option out"]),
        ({"text": ["a", "b"], "label": [0, 1]}, ["no 'who'", "name one of those"]),
        (
            {"text": ["a", "b"], "label": [0, 1], "who": ["p", None]},
            ["must have a group", "example 2", "none in 'who'"],
        ),
    ],
)
def test_groups_that_are_refused(refused, data, parts):
    with refused(*parts):
        read_labelled(data, group="who")


def test_a_split_that_cannot_be(tmp_path, refused):
    with refused("classes others have too", "2 groups came", "file for validation"):
        split(read_labelled({"text": ["a", "b"], "label": [0, 1], "who": ["p", "q"]}, group="who"), 0.5)
    np.savez(tmp_path / "a.npz", X=np.zeros((2, 2)), y=[0, 1], who=[5])
    with refused("one for each of 2 examples", "who of", "shape [1]"):
        read_labelled(tmp_path / "a.npz", group="who")


def test_groups_come_with_arrays(refused):
    data = (np.zeros((4, 3, 2)), [0, 1, 0, 1], ["p", "p", "q", "q"])
    found = read_labelled(data)
    assert found.groups.tolist() == [0, 0, 1, 1]
    assert found.group_names == ("p", "q")
    steps = read_stepwise((np.zeros((2, 2)), [[0, 1], [1, 0]], np.array([8, 9])))
    assert steps.group_names == ("8", "9")
    with refused("one group", "4 sequences and 1 groups", "as many"):
        read_labelled((*data[:2], ["p"]))
    with refused("must have a group", "example 2 of the given data has none;"):
        read_labelled((["a", "b"], [0, 1], ["p", None]))
    three = read_labelled(tuple(np.zeros((3, 3, 2))), require_labels=False)  # three sequences, no groups
    assert len(three) == 3


def test_groups_are_on_one_side_and_validation_is_other_data(refused):
    def of(texts, groups):
        return read_labelled({"text": texts, "label": [0, 1], "who": groups}, group="who")

    ours = of(["a", "b"], ["p", "q"])
    check_apart(ours, of(["c", "d"], ["r", "s"]), "held.csv")
    with refused("on both sides", "1 of held.csv", "'q'"):
        check_apart(ours, of(["c", "d"], ["q", "r"]), "held.csv")
    with refused("other data than the training", "held.csv holds the same"):
        check_apart(ours, of(["a", "b"], ["r", "s"]), "held.csv")
    check_apart(ours.select([0]), of(["c", "d"], ["q", "r"]), "held.csv")
