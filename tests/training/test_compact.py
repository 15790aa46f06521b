"""Weights in fewer bytes: how far they are rounded, and that files with them are read as what they stand for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors import safe_open
from safetensors.torch import save_file

from unspool.errors import CheckpointError, SpecError
from unspool.training import checkpoint
from unspool.training.compact import SCALE, WEIGHTS, compacted, expanded

NUMBERS = st.floats(-1e6, 1e6, width=32).filter(lambda value: value == 0 or abs(value) > 1e-30)
MATRICES = arrays.arrays(np.float32, arrays.array_shapes(min_dims=2, max_dims=3, max_side=5), elements=NUMBERS)


@settings(max_examples=60, deadline=None)
@given(values=MATRICES)
def test_rounding_is_bounded(values: np.ndarray) -> None:
    matrix = torch.from_numpy(values)
    (eight,) = expanded(compacted({"w": matrix}, "int8"), "").values()
    (brain,) = expanded(compacted({"w": matrix}, "bf16"), "").values()
    step = matrix.abs().amax(-1, keepdim=True) / 127
    assert bool(((eight - matrix).abs() <= 0.5001 * step).all())
    assert bool(((brain - matrix).abs() <= 2**-8 * matrix.abs()).all())
    assert eight.dtype == brain.dtype == torch.float32
    assert torch.equal(compacted({"w": eight}, "int8")["w"], compacted({"w": matrix}, "int8")["w"])


def test_vectors_and_whole_numbers_stay() -> None:
    stay = {"bias": torch.tensor([0.1, 1e-9]), "count": torch.tensor([[3, 4]]), "one": torch.tensor(0.1)}
    for weights in WEIGHTS:
        assert compacted(stay, weights) == stay and expanded(stay, "") == stay
    with pytest.raises(SpecError, match="did you mean 'int8'"):
        compacted(stay, "int4")  # type: ignore[arg-type]


def stored(path: Path) -> tuple[dict[str, torch.Tensor], str]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata()["version"]  # noqa: SIM118


def test_a_file_says_how_it_is_to_be_read(tmp_path: Path) -> None:
    """An older unspool reads bfloat16 rightly, but int8 without its scales would be another network."""
    tensors = {"w": torch.randn(3, 4, generator=torch.Generator().manual_seed(0)), "b": torch.randn(3)}
    for weights, dtype, version in (
        ("f32", torch.float32, "1"), ("bf16", torch.bfloat16, "1"), ("int8", torch.int8, "2")
    ):  # fmt: skip
        path = tmp_path / f"{weights}.safetensors"
        checkpoint.write(path, "model", compacted(tensors, weights), {})  # type: ignore[arg-type]
        raw, told = stored(path)
        assert raw["w"].dtype == dtype and raw["b"].dtype == torch.float32 and told == version
        read, _ = checkpoint.read(path, "model")
        assert read.keys() == tensors.keys() and all(tensor.dtype == torch.float32 for tensor in read.values())
        assert checkpoint.read_document(path, "model")[0] == {"w": [3, 4], "b": [3]}
    scale = raw[SCALE + "w"]  # as docs/format.md has it, by hand
    np.testing.assert_array_equal(read["w"], raw["w"].numpy().astype(np.float32) * scale.numpy()[:, None])


@pytest.mark.parametrize(
    "scale", [{}, {SCALE + "v": torch.ones(3)}, {SCALE + "w": torch.ones(4)}, {SCALE + "w": torch.ones(3, 1)}]
)
def test_scales_that_do_not_fit(scale: dict[str, torch.Tensor], tmp_path: Path) -> None:
    metadata = {"format": "unspool", "version": "2", "kind": "model", "document": "{}"}
    tensors = {"w": torch.ones(3, 4, dtype=torch.int8), **scale}
    save_file(tensors, tmp_path / "odd.safetensors", metadata)
    if not scale:  # whole numbers of some network
        assert checkpoint.read(tmp_path / "odd.safetensors", "model")[0]["w"].dtype == torch.int8
        return
    with pytest.raises(CheckpointError, match="scales no matrix of int8 rows"):
        checkpoint.read(tmp_path / "odd.safetensors", "model")


def test_a_scale_that_is_not_finite(tmp_path: Path) -> None:
    metadata = {"format": "unspool", "version": "2", "kind": "model", "document": "{}"}
    tensors = {"w": torch.ones(1, 4, dtype=torch.int8), SCALE + "w": torch.tensor([torch.inf])}
    save_file(tensors, tmp_path / "odd.safetensors", metadata)
    with pytest.raises(CheckpointError, match="not finite"):
        checkpoint.read(tmp_path / "odd.safetensors", "model")
