"""`unspool sample RUN`: new sequences from a trained network."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from unspool.cli.settings import Flat, Machine
from unspool.cli.streams import print_json, write_output
from unspool.errors import SpecError
from unspool.sampling import Sampling

if TYPE_CHECKING:
    from unspool.tasks.pieces import Piece


@dataclass(frozen=True)
class Writing:
    """What to write."""

    prompt: str = ""
    """Text to go on from."""
    length: int = 400
    """Symbols to write; 0 goes on without end."""
    count: int = 1
    """How many samples; each depends on the seed and its own number only."""
    seed: int = 0
    """Seed of the random numbers."""
    stop: str = ""
    """End before this text."""
    echo: bool = True
    """Repeat the prompt before the sample."""
    raw: bool = False
    """Write the bytes of a byte model as they come, valid UTF-8 or not."""
    unknown: Literal["fail", "skip", "replace"] | None = None
    """What to do with characters of the prompt that the model does not know."""
    weights: Literal["f32", "bf16", "int8"] = "f32"
    """Compute with float32 weights, or with bfloat16 or bytes, which are faster and a little off."""


def sample(
    run: str,
    *,
    writing: Annotated[Writing, Flat] = Writing(),
    sampling: Annotated[Sampling, Flat] = Sampling(),  # noqa: B008 (frozen)
    json: bool = False,
    output: str | None = None,
    machine: Annotated[Machine, Flat] = Machine(),  # noqa: B008 (frozen)
) -> None:
    """Write text with a trained language model, as it is made.

    Parameters
    ----------
    run
        Run folder or model file.
    json
        Print one JSON object with each symbol's log-probability.
    output
        Write to this file.
    """
    from unspool.cli.models import language_model

    length, count = writing.length, writing.count
    if length < 0 or count < 1:
        raise SpecError(f"--length must be at least 0 and --count at least 1, got {length} and {count}")
    if length == 0 and (json or output or count > 1):
        raise SpecError("--length 0 writes one sample without end to standard output; give a length for the rest")
    machine.apply()
    model = language_model(run, machine.device, writing.unknown)
    options: dict[str, Any] = {name: getattr(writing, name) for name in ("seed", "stop", "raw", "weights")}
    options |= asdict(sampling)
    head = writing.prompt if writing.echo else ""
    raw = writing.raw and model.options.unit == "byte"
    if count == 1 and not json and output is None:
        _stream(head, model.stream(writing.prompt, length=length or None, **options), raw)
        return
    if raw and count > 1 and not json:
        raise SpecError(f"--raw writes the bytes of one sample, got --count {count}; leave one of them out")
    written = list(model.samples(writing.prompt, count, length=length, **options))
    texts = [head + "".join(piece.text for piece in pieces) for pieces in written]
    if output is not None and raw:
        write_output(output, head.encode("utf-8", "surrogateescape") + bytes(piece.id for piece in written[0]))
    elif output is not None:
        write_output(output, "\n".join(texts) + "\n")
    elif json:
        samples = [_described(*pair) for pair in zip(texts, written, strict=True)]
        print_json({"prompt": writing.prompt, "seed": writing.seed, "samples": samples})
    else:
        for number, text in enumerate(texts):
            _write(f"--- sample {number}\n{text}\n")


def _stream(head: str, pieces: Iterator[Piece], raw: bool) -> None:
    """Write each piece as it comes; the prompt waits for the first, so that a prompt that is refused prints nothing."""
    first = True
    for piece in pieces:
        if first:
            _write(head)
            first = False
        if raw:
            sys.stdout.buffer.write(bytes([piece.id]))
            sys.stdout.buffer.flush()
        else:
            _write(piece.text)
    _write((head if first else "") + ("" if raw else "\n"))


def _described(text: str, pieces: list[Any]) -> dict[str, Any]:
    return {"text": text, "tokens": [{"text": p.text, "id": p.id, "log_prob": p.log_prob} for p in pieces]}


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
