"""The IDX format of MNIST: one array of numbers, big-endian, behind a header of its type and shape.

Bytes 0, 0, type, axes, and the size of each axis as 32 bits: http://yann.lecun.com/exdb/mnist/ (LeCun, Cortes, Burges).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from unspool.data.examples import Examples
from unspool.data.sources import blocks
from unspool.errors import DataError

TYPES: Final = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_NAME: Final = re.compile(r"[.-]idx\d-ubyte(\.gz)?$")


def is_idx(path: Path) -> bool:
    """Whether the name is one of an IDX file: train-images-idx3-ubyte.gz."""
    return _NAME.search(path.name) is not None


def is_pictures(path: Path) -> bool:
    """Whether the name is one of an IDX file of pictures, not of their labels."""
    return is_idx(path) and "labels" not in path.name


def read_pictures(path: Path) -> Examples:
    """Pictures float32 [T, C], rows as steps, and the labels of the file beside them, if there is one.

    The labels of `x-images-idx3-ubyte` are in `x-labels-idx1-ubyte`, packed as gzip or not.
    """
    pictures = read_idx(path)
    if pictures.ndim < 2:
        raise DataError(
            f"pictures must be of shape [N, rows, columns], but those of {path} are {list(pictures.shape)}; name the "
            "file of the pictures, its labels are found beside it"
        )
    sequences = list(pictures.astype(np.float32).reshape(*pictures.shape[:2], -1))
    beside = _labels_of(path)
    if beside is None:
        return Examples(sequences, None, str(path))
    labels = read_idx(beside)
    if labels.shape != pictures.shape[:1]:
        raise DataError(
            f"there must be one label for each of {len(pictures)} pictures, but {beside} has shape "
            f"{list(labels.shape)}; put the labels of these pictures beside them"
        )
    return Examples(sequences, labels.tolist(), str(path))


def read_idx(path: Path) -> NDArray[np.generic]:
    """The array of an IDX file, packed as gzip or not."""
    content = b"".join(blocks(path))
    kind = TYPES.get(content[2]) if len(content) >= 4 and content[:2] == b"\0\0" else None
    axes = content[3] if kind else 0
    start = 4 + 4 * axes
    if kind is None or not axes or len(content) < start:
        raise DataError(
            f"an IDX file must begin with 0, 0, the type and the number of axes, but {path} does not; name a file such "
            "as train-images-idx3-ubyte"
        )
    shape = tuple(np.frombuffer(content, ">u4", axes, 4).tolist())
    expected = start + int(np.prod(shape, dtype=object)) * np.dtype(kind).itemsize
    if len(content) != expected:
        raise DataError(
            f"an IDX file of shape {list(shape)} must have {expected} bytes, but {path} has {len(content)}; copy it "
            "again, it may be cut short"
        )
    return np.frombuffer(content, kind, offset=start).reshape(shape)


def _labels_of(path: Path) -> Path | None:
    plain = re.sub(r"idx\d", "idx1", path.name.removesuffix(".gz").replace("images", "labels"))
    beside = [path.with_name(plain), path.with_name(f"{plain}.gz")]
    return next((file for file in beside if file != path and file.is_file()), None)
