from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from unspool.data.idx import read_idx
from unspool.data.labelled import read_labelled

PICTURES = np.arange(4 * 3 * 2, dtype=np.uint8).reshape(4, 3, 2)
LABELS = np.array([3, 1, 3, 1], np.uint8)


def idx(array, kind=0x08):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, kind, array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(params=["plain", "packed", "mixed"])
def pictures(request, tmp_path):
    """The path of the pictures, their labels beside them."""
    images, labels = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte"
    if request.param != "plain":
        images = images.with_name(f"{images.name}.gz")
    if request.param == "packed":
        labels = labels.with_name(f"{labels.name}.gz")
    for path, array in ((images, PICTURES), (labels, LABELS)):
        path.write_bytes(gzip.compress(idx(array)) if path.suffix == ".gz" else idx(array))
    return images


def test_rows_are_steps(pictures):
    expected = read_labelled((PICTURES.astype(np.float32), LABELS))
    for data in (pictures, pictures.parent):
        found = read_labelled(data)
        assert found.classes == ("1", "3")
        assert np.array_equal(np.stack(found.arrays), PICTURES)
        assert found.fingerprint == expected.fingerprint


def test_pixel_by_pixel(pictures):
    found = read_labelled(pictures, flatten=True)
    assert [array.shape for array in found.arrays] == [(6, 1)] * 4
    assert np.array_equal(np.stack(found.arrays).ravel(), PICTURES.ravel())


def test_pictures_of_several_axes_are_laid_flat(tmp_path):
    block = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    np.savez(tmp_path / "a.npz", X=block, y=[0, 1])
    for data in (tmp_path / "a.npz", (block, [0, 1])):
        assert np.array_equal(np.stack(read_labelled(data).arrays), block.reshape(2, 3, 20))


def test_without_labels_beside_them(pictures, refused):
    for labels in pictures.parent.glob("*labels*"):
        labels.unlink()
    with refused("must have a label", "has none"):
        read_labelled(pictures)
    assert len(read_labelled(pictures, require_labels=False)) == 4


@pytest.mark.parametrize(("kind", "dtype"), [(0x09, ">i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")])
def test_each_type_of_number(tmp_path, kind, dtype):
    array = np.array([[1, -2], [3, 100]], dtype)
    (tmp_path / "a").write_bytes(idx(array, kind))
    assert read_idx(tmp_path / "a").tolist() == array.tolist()


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        (b"\1\2\3\4hello", ["must begin with 0, 0", "does not", "train-images"]),
        (b"\0\0", ["must begin with 0, 0"]),
        (b"\0\0\7\1\0\0\0\0", ["must begin with 0, 0"]),
        (b"\0\0\10\3\0\0", ["must begin with 0, 0"]),
        (idx(PICTURES)[:-1], ["shape [4, 3, 2] must have 40 bytes", "has 39", "cut short"]),
        (idx(PICTURES) + b"x", ["must have 40 bytes", "has 41"]),
        (idx(LABELS), ["shape [N, rows, columns]", "are [4]", "beside it"]),
    ],
)
def test_files_that_are_refused(tmp_path, refused, content, parts):
    path = tmp_path / "some-images-idx3-ubyte"
    path.write_bytes(content)
    with refused("some-images-idx3-ubyte", *parts):
        read_labelled(path)


def test_labels_of_other_pictures(pictures, refused):
    for labels in pictures.parent.glob("*labels*"):
        packed = labels.suffix == ".gz"
        labels.write_bytes(gzip.compress(idx(LABELS[:3])) if packed else idx(LABELS[:3]))
    with refused("one label for each of 4 pictures", "labels-idx1-ubyte", "shape [3]"):
        read_labelled(pictures)
