"""States of many streams: each stream is answered as if it were alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.tasks.made import classifier, waves
from unspool.cells import state as trees
from unspool.engine.layers import build_stack
from unspool.engine.stepping import step_stack
from unspool.errors import CheckpointError, SpecError
from unspool.tasks.streaming import Streams, model_fingerprint
from unspool.training import checkpoint

UNITS = 4


class Outputs:
    """A stepper whose answer is the output of a stack."""

    columns: Sequence[str] | None = None

    def __init__(self, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.stack = build_stack("lstm", 2, UNITS, 2).eval()
        self.sizes: list[int] = []

    def read(self, cells: Sequence[str]) -> NDArray[np.float32]:
        return np.array(cells, np.float32)

    def initial(self, streams: int) -> Any:
        return self.stack.init_state(streams)

    def step(self, inputs: NDArray[np.float32], state: Any) -> tuple[list[dict[str, Any]], Any]:
        self.sizes.append(len(inputs))
        output, state = step_stack(self.stack, torch.from_numpy(inputs), state)
        return [{"output": row} for row in output.tolist()], state

    def told(self, answer: Mapping[str, Any]) -> str:
        return str(answer["output"])


def rows(count: int, streams: int, seed: int = 0) -> tuple[list[str], NDArray[np.float32]]:
    """Rows of streams in a random order."""
    source = np.random.default_rng(seed)
    keys = [f"stream {number}" for number in source.integers(0, streams, count)]
    return keys, source.normal(size=(count, 2)).astype(np.float32)


def outputs(answers: list[dict[str, Any]]) -> NDArray[np.float32]:
    return np.array([answer["output"] for answer in answers], np.float32)


def alone(stepper: Outputs, keys: list[str], inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """The answers to the rows of each stream as one sequence."""
    found = np.empty((len(keys), UNITS), np.float32)
    with torch.no_grad():
        for key in set(keys):
            places = [place for place, other in enumerate(keys) if other == key]
            found[places] = stepper.stack(torch.from_numpy(inputs[places])[:, None]).output[:, 0].numpy()
    return found


@pytest.mark.parametrize("batch", [1, 7, 200])
def test_each_stream_is_answered_as_a_whole_sequence(batch: int) -> None:
    streams = Streams(stepper := Outputs())
    keys, inputs = rows(200, 30)
    found = [
        outputs(streams.step(keys[first : first + batch], inputs[first : first + batch]))
        for first in range(0, 200, batch)
    ]
    np.testing.assert_allclose(np.concatenate(found), alone(stepper, keys, inputs), atol=1e-6)
    assert len(streams) == len(set(keys)) and streams.forgotten == 0


def test_rows_of_one_batch_step_together() -> None:
    streams = Streams(stepper := Outputs())
    streams.step(["a", "b", "a", "c", "a", "b"], np.zeros((6, 2), np.float32))
    assert stepper.sizes == [3, 2, 1]
    assert streams.step([], np.zeros((0, 2), np.float32)) == []


@pytest.mark.parametrize("most", [1, 2, 9])
def test_what_is_forgotten_does_not_depend_on_the_batches(most: int) -> None:
    keys, inputs = rows(120, 10)
    found = []
    for batch in (1, 120):
        streams = Streams(Outputs(), most)
        parts = (slice(first, first + batch) for first in range(0, 120, batch))
        found.append(np.concatenate([outputs(streams.step(keys[part], inputs[part])) for part in parts]))
        assert len(streams) == most and streams.forgotten > 0
        assert all(len(leaf) == most for leaf in trees.leaves(streams._state))
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_the_least_recently_seen_is_forgotten() -> None:
    streams, x = Streams(Outputs(), 2), np.ones((1, 2), np.float32)
    first = outputs(streams.step(["a"], x))
    for key in ("b", "a", "c"):  # b is gone
        streams.step([key], x)
    third = outputs(streams.step(["a"], x))
    np.testing.assert_allclose(third, alone(Outputs(), ["a"] * 3, x.repeat(3, 0))[2:], atol=1e-6)
    np.testing.assert_allclose(outputs(streams.step(["b"], x)), first, atol=1e-6)


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(SpecError, match="--max-streams must be at least 1, got 0"):
        Streams(Outputs(), 0)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The states after the first half of some rows."""
    keys, inputs = rows(200, 30)
    streams = Streams(Outputs())
    streams.step(keys[:100], inputs[:100])
    streams.save(tmp_path / "states", "m")
    return tmp_path / "states"


def test_saved_streams_go_on(saved: Path) -> None:
    keys, inputs = rows(200, 30)
    streams = Streams(stepper := Outputs())
    streams.load(saved, "m")
    found = outputs(streams.step(keys[100:], inputs[100:]))
    np.testing.assert_allclose(found, alone(stepper, keys, inputs)[100:], atol=1e-6)
    again = Streams(Outputs())
    again.load(saved, "m")
    again.save(saved.with_name("again"), "m")
    assert saved.with_name("again").read_bytes() == saved.read_bytes()


def test_fewer_streams_than_were_saved_are_the_latest(saved: Path) -> None:
    keys, inputs = rows(200, 30)
    streams = Streams(stepper := Outputs(), 3)
    streams.load(saved, "m")
    latest = list(dict.fromkeys(reversed(keys[:100])))[:3]
    assert set(streams._slots) == set(latest)
    found = outputs(streams.step([latest[0]], inputs[100:101]))
    places = [place for place, key in enumerate(keys[:100]) if key == latest[0]]
    expected = alone(stepper, ["x"] * (len(places) + 1), inputs[[*places, 100]])
    np.testing.assert_allclose(found, expected[-1:], atol=1e-6)


def test_no_stream_at_all_can_be_saved(tmp_path: Path) -> None:
    Streams(Outputs()).save(tmp_path / "states", "m")
    streams = Streams(Outputs())
    streams.load(tmp_path / "states", "m")
    assert len(streams) == 0


def test_a_stream_that_diverged_is_not_saved(tmp_path: Path) -> None:
    streams = Streams(Outputs())
    streams.step(["good", "bad"], np.array([[1, 2], [np.nan, 2]], np.float32))
    streams.save(tmp_path / "states", "m")
    streams.load(tmp_path / "states", "m")
    assert list(streams._slots) == ["good"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model": "other"}, "holds states of another model"),
        ({"keys": ["a"]}, "not one state for each key"),
        ({"keys": [1, 2]}, "names no keys"),
        ({"keys": None}, "names no keys"),
    ],
)
def test_a_file_that_does_not_fit(saved: Path, change: dict[str, Any], told: str) -> None:
    tensors, document = checkpoint.read(saved, "streams")
    checkpoint.write(saved, "streams", tensors, {**document, **change})
    with pytest.raises(CheckpointError, match=told):
        Streams(Outputs()).load(saved, "m")


def test_states_of_another_shape(saved: Path) -> None:
    stepper = Outputs()
    stepper.stack = build_stack("lstm", 2, UNITS + 1, 2).eval()
    with pytest.raises(CheckpointError, match="damaged: the saved state must hold"):
        Streams(stepper).load(saved, "m")


def test_a_model_is_no_state_file(tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "model", "model", {}, {})
    with pytest.raises(CheckpointError, match="is a model file, but a streams file is needed"):
        Streams(Outputs()).load(tmp_path / "model", "m")


@pytest.mark.parametrize("content", [b"", b"time,load\n2024-01-01,1\n", b"\x08" * 100])
def test_any_other_file_is_refused_in_our_own_words(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "states").write_bytes(content)
    with pytest.raises(CheckpointError, match="is no file of saved streams, or was cut short; name another") as caught:
        Streams(Outputs()).load(tmp_path / "states", "m")
    assert "header" not in str(caught.value).lower()


def test_a_fingerprint_knows_weights_and_scaling() -> None:
    task = classifier(waves())
    known = model_fingerprint(task)
    assert known == model_fingerprint(classifier(waves()))
    task.encoding.mean[0] += 1  # type: ignore[union-attr]
    moved = model_fingerprint(task)
    next(task.model.parameters()).data[0] += 1
    assert len({known, moved, model_fingerprint(task)}) == 3
