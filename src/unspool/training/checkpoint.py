"""Model and training files: safetensors with one JSON document in the metadata. Nothing in them is ever executed.

docs/format.md describes the files; `FORMAT_VERSION` counts changes that an older reader could not follow, and a file
has the lowest version that tells it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from unspool.errors import CheckpointError
from unspool.training.compact import SCALE, expanded

FORMAT_VERSION = 2
Kind = Literal["model", "training", "streams"]
ELSEWHERE = "free some space, or choose another place"  # what helps where a file cannot be written


def write(
    path: Path, kind: Kind, tensors: Mapping[str, Tensor], document: Mapping[str, Any], advice: str = ELSEWHERE
) -> None:
    """Write a file so that a power cut leaves either the old file or the new one; `advice` ends the sentence if not.

    Raises:
        CheckpointError: the file cannot be written (a full disk, a missing permission); the old file is untouched.
    """
    metadata = {
        "format": "unspool",
        "version": "2" if any(name.startswith(SCALE) for name in tensors) else "1",
        "kind": kind,
        "document": json.dumps(document, sort_keys=True),
    }
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        # not save_file: its own temporary file would outlive a killed process, and only its owner may read the result
        raw = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, metadata)
        size = 8 + int.from_bytes(raw[:8], "little")
        with temporary.open("wb") as file:
            file.write(_ordered(raw[8:size]))
            file.write(memoryview(raw)[size:])
        settle(temporary, path)
    except (OSError, SafetensorError) as error:
        raise _unwritten(temporary, path, error, advice) from error
    except KeyboardInterrupt:
        temporary.unlink(missing_ok=True)
        raise


def _unwritten(temporary: Path, path: Path, error: Exception, advice: str) -> CheckpointError:
    if not path.parent.is_dir():
        return CheckpointError(
            f"{path} could not be written, as there is no folder {path.parent}; make it, or choose another place"
        )
    temporary.unlink(missing_ok=True)
    reason = getattr(error, "strerror", None) or error  # without the name of the temporary file
    left = "the file that was there is untouched" if path.exists() else "nothing was written"
    return CheckpointError(f"{path} could not be written ({reason}); {left}: {advice}")


def _ordered(header: bytes) -> bytes:
    """Return length and JSON of a header with sorted names: the library shuffles them, equal files shall be equal."""
    ordered = json.dumps(json.loads(header), sort_keys=True, separators=(",", ":")).encode()
    ordered += b" " * (-len(ordered) % 8)  # the tensors behind it stay aligned
    return len(ordered).to_bytes(8, "little") + ordered


def settle(temporary: Path, path: Path) -> None:
    """Bring a finished temporary file to the disk and give it its name."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    if os.name == "posix":  # the new name itself must survive a power cut
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_text(path: Path, text: str, advice: str = ELSEWHERE) -> None:
    """Write a small text file with the same guarantee as `write`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        settle(temporary, path)
    except OSError as error:
        raise _unwritten(temporary, path, error, advice) from error


def read(path: Path, kind: Kind) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors and the document of a file; weights that are stored in fewer bytes as float32.

    Raises:
        CheckpointError: the file is missing, cut short, damaged, of a later version, of another kind, or not ours.
    """
    with _opened(path, kind) as (file, document):
        stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    tensors = expanded(stored, str(path))
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(f"{path} is damaged: {name} holds values that are not finite; use a backup")
    return tensors, document


def read_document(path: Path, kind: Kind) -> tuple[dict[str, list[int]], dict[str, Any]]:
    """Return the shapes of the tensors and the document of a file; the tensors themselves are not read.

    Raises:
        CheckpointError: as `read`, but values that are not finite go unseen.
    """
    with _opened(path, kind) as (file, document):
        names = (name for name in file.keys() if not name.startswith(SCALE))  # noqa: SIM118
        return {name: list(file.get_slice(name).get_shape()) for name in names}, document


@contextmanager
def _opened(path: Path, kind: Kind) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Open a file and read its document."""
    if not path.is_file():
        raise CheckpointError(f"there is no {kind} file at {path}; give a run folder or a model file of unspool")
    try:
        with safe_open(path, framework="pt") as file:
            yield file, _document(path, kind, file.metadata() or {})
    except (SafetensorError, OSError, ValueError, RuntimeError, TypeError, OverflowError, MemoryError) as error:
        raise CheckpointError(
            f"{path} is no readable safetensors file ({_short(error)}): it was cut short or is not a model file"
        ) from error


def _document(path: Path, kind: Kind, metadata: Mapping[str, str]) -> dict[str, Any]:
    if metadata.get("format") != "unspool":
        raise CheckpointError(f"{path} is a safetensors file of another program; give one that unspool wrote")
    version = metadata.get("version", "")
    if not version.isdecimal():
        raise CheckpointError(f"{path} is damaged: its version is {version!r}; use a backup")
    if int(version) > FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format {version}, this unspool reads up to {FORMAT_VERSION}; upgrade unspool to read it"
        )
    if metadata.get("kind") != kind:
        raise CheckpointError(f"{path} is a {metadata.get('kind')} file, but a {kind} file is needed here")
    try:
        document = json.loads(metadata.get("document", ""))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is damaged: its document is no JSON ({_short(error)}); use a backup") from error
    if not isinstance(document, dict):
        raise CheckpointError(f"{path} is damaged: its document is no JSON object; use a backup")
    return document


def parameters(model: nn.Module) -> dict[str, Tensor]:
    """Return weights and buffers by name, a tied weight once."""
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def load_parameters(model: nn.Module, tensors: Mapping[str, Tensor], origin: str) -> None:
    """Copy tensors into a model of the same names and shapes.

    Raises:
        CheckpointError: a name is missing or unknown, or a shape differs.
    """
    expected = parameters(model)
    if names := sorted(set(expected) ^ set(tensors)):
        raise CheckpointError(f"{origin} does not fit its own options: weights {names[:3]} are missing or unknown")
    for name, target in expected.items():
        check_shape(origin, name, tensors[name], target)
        target.data.copy_(tensors[name])


def check_shape(origin: str, name: str, tensor: Tensor, target: Tensor) -> None:
    """Refuse a tensor that is not of the target's shape and kind."""
    if tensor.shape != target.shape or tensor.is_floating_point() != target.is_floating_point():
        raise CheckpointError(
            f"{origin} does not fit its own options: {name} is {list(tensor.shape)}, {list(target.shape)} expected"
        )


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:160] if str(error) else type(error).__name__
