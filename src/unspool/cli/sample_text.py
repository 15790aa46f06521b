"""`unspool sample RUN` with a language model: new texts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from unspool.cli.streams import json_text, print_json, remark, write_output
from unspool.errors import SpecError
from unspool.sampling import Sampling
from unspool.spec import replace
from unspool.tasks.language.writing import Writing, check_together

if TYPE_CHECKING:
    from unspool.cli.sample import Shared
    from unspool.tasks.language.language import Language
    from unspool.tasks.language.novelty import Novelty
    from unspool.tasks.language.pieces import Piece

TEXTS = ("", ".txt")  # endings of files
PAGES = (".html", ".htm")


@dataclass(frozen=True)
class TextRequest:
    """What is wanted of the texts."""

    prompt: str = ""
    """Text to go on from."""
    unknown: Literal["fail", "skip", "replace"] | None = None
    """What to do with characters of the prompt that the model does not know."""
    interactive: bool = False
    """Read a line, write a line, in turn, until the input ends."""
    novelty: bool = False
    """Tell the longest substring of each sample that stands in the training text, and where."""
    novelty_text: str | None = None
    """Compare with this text in place of the training text."""
    novelty_length: int | None = None
    """Substrings of so many symbols count as copied; 20 characters or bytes, or 5 words."""


class Result(NamedTuple):
    """One text, and what is told of it."""

    text: str  # the prompt is part of it where it is echoed
    pieces: list[Piece]
    score: dict[str, float]  # of beam search
    novelty: Novelty | None


def sample_text(
    model: Language, run: str, shared: Shared, request: TextRequest, writing: Writing, sampling: Sampling
) -> None:
    """Write texts to standard output or to a file."""
    writing = replace(writing, length=writing.length or None)
    check_together(writing, sampling)
    json, output = shared.json, shared.output
    _check(shared, request, writing)
    if request.unknown is not None:
        model.options = replace(model.options, unknown=request.unknown)
    options = asdict(writing) | asdict(sampling)
    if request.interactive:
        from unspool.cli.interactive import converse

        converse(model, request.prompt, options)
        return
    head = request.prompt if shared.echo else ""
    if not (json or output or writing.beam or shared.count > 1 or _compared(request)):
        _stream(head, model.stream(request.prompt, **options), writing.raw)
        return
    if writing.raw and shared.count > 1 and not json:
        raise SpecError(f"--raw writes the bytes of one sample, got --count {shared.count}; leave one of them out")
    results = _results(model, run, head, shared.count, request, options)
    told = {"prompt": request.prompt, "seed": writing.seed, "samples": [_described(result) for result in results]}
    if output is not None and Path(output).suffix.lower() == ".json":
        write_output(output, json_text(told) + "\n")
    elif output is not None:
        write_output(output, _content(output, run, head, writing.raw, results, model.noun))
    if json:
        print_json(told)
    elif output is None:
        _print(results, alone=shared.count == 1)
    for number, result in enumerate(results):
        if result.novelty is not None and not json:
            remark(f"sample {number}: {result.novelty}")


def _check(shared: Shared, request: TextRequest, writing: Writing) -> None:
    if writing.beam and shared.count > writing.beam:
        raise SpecError(
            f"--beam {writing.beam} finds no more texts than that, got --count {shared.count}; raise --beam"
        )
    several = shared.json or shared.output or shared.count > 1 or _compared(request)
    if request.interactive and (several or writing.beam or writing.raw):
        raise SpecError(
            "--interactive writes to the terminal as it reads, without --json, --output, --count, --novelty, --beam or "
            "--raw; leave them out"
        )
    if shared.output is not None:
        _check_ending(shared.output, shared.json, writing.raw)
    if writing.length is None and not request.interactive and several:
        raise SpecError("--length 0 writes one sample without end to standard output; give a length for the rest")
    if request.novelty_length is not None and (request.novelty_length < 1 or not _compared(request)):
        raise SpecError(f"--novelty-length must be at least 1 and comes with --novelty, got {request.novelty_length}")


def _check_ending(output: str, json: bool, raw: bool) -> None:
    known = (*TEXTS, *PAGES, ".json") if json else (*TEXTS, *PAGES)
    if Path(output).suffix.lower() not in known and not raw:
        raise SpecError(
            "--output of sample must end in .txt, in .html for a page, with --json in .json, or in nothing, "
            f"got {output}; rename it"
        )


def _compared(request: TextRequest) -> bool:
    return request.novelty or request.novelty_text is not None


def _results(
    model: Language, run: str, head: str, count: int, request: TextRequest, options: dict[str, Any]
) -> list[Result]:
    compare = _comparison(model, run, request)
    if options["beam"]:
        found = model.search(request.prompt, **options)[:count]
        scored = [(text.pieces, {"log_prob": text.log_prob, "score": text.score}) for text in found]
    else:
        scored = [(pieces, {}) for pieces in model.samples(request.prompt, count, **options)]
    results = []
    for pieces, score in scored:
        text = "".join(piece.text for piece in pieces)
        results.append(Result(head + text, pieces, score, compare(pieces)))
    return results


def _comparison(model: Language, run: str, request: TextRequest) -> Any:
    """What says how much of a sample is new."""
    if not _compared(request):
        return lambda pieces: None
    import numpy as np

    from unspool.data.corpus import read_corpus
    from unspool.tasks.language.novelty import novelty
    from unspool.tasks.load import with_own_data
    from unspool.training.folder import LAST

    if request.novelty_text is not None:
        corpus = read_corpus([request.novelty_text], model.options.unit, model.vocabulary, "skip").ids
    elif (Path(run) / LAST).is_file():
        prepared = with_own_data(run, model)
        corpus = prepared.train_ids  # type: ignore[attr-defined]
    else:
        raise SpecError(
            f"--novelty needs the training text, which the model file {run} does not keep; add --novelty-text"
        )

    def compare(pieces: list[Piece]) -> Novelty:
        ids = np.array([piece.id for piece in pieces], dtype=np.int64)
        return novelty(ids, corpus, model.vocabulary, request.novelty_length)

    return compare


def _content(path: str, run: str, head: str, raw: bool, results: list[Result], noun: str) -> str | bytes:
    """What is written to the file: a page, bytes or text, by its ending."""
    if Path(path).suffix.lower() in PAGES:
        from unspool.tasks.language.page import Passage, page, symbols_of

        passages = [
            Passage(f"sample {number}{_scored(result)}", symbols_of(result.pieces), head, str(result.novelty or ""))
            for number, result in enumerate(results)
        ]
        return page(f"written by {run}", passages, noun)
    if raw:
        return head.encode("utf-8", "surrogateescape") + b"".join(map(_byte, results[0].pieces))
    return "\n".join(result.text for result in results) + "\n"


def _print(results: list[Result], alone: bool) -> None:
    for number, result in enumerate(results):
        _write(("" if alone else f"--- sample {number}{_scored(result)}\n") + f"{result.text}\n")


def _scored(result: Result) -> str:
    return f", score {result.score['score']:.4f}" if result.score else ""


def _stream(head: str, pieces: Iterator[Piece], raw: bool) -> None:
    """Write each piece as it comes; the prompt waits for the first, so that a prompt that is refused prints nothing."""
    first = True
    for piece in pieces:
        if first:
            _write(head)
            first = False
        if raw:
            sys.stdout.buffer.write(_byte(piece))
            sys.stdout.buffer.flush()
        else:
            _write(piece.text)
    _write((head if first else "") + ("" if raw else "\n"))


def _byte(piece: Piece) -> bytes:
    return bytes([piece.id]) if piece.id < 256 else b""  # beyond are marks


def _described(result: Result) -> dict[str, Any]:
    tokens = [{"text": p.text, "id": p.id, "log_prob": p.log_prob} for p in result.pieces]
    novelty = {} if result.novelty is None else {"novelty": result.novelty._asdict()}
    return {"text": result.text, **result.score, **novelty, "tokens": tokens}


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
