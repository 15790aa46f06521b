"""`unspool sample RUN "text"` with a handwriting model: pages, or strokes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from unspool.cli.streams import DASH, print_json, remark, restore_dash
from unspool.errors import DataError, SpecError
from unspool.ink.options import Page
from unspool.tasks.pen.request import PenRequest

if TYPE_CHECKING:
    from unspool.cli.sample import Shared
    from unspool.data.pen.strokes import Strokes
    from unspool.tasks.pen.handwriting import Handwriting
    from unspool.tasks.pen.manuscript import Manuscript

NAME = "handwriting"  # of a file that was given none


def sample_pen(model: Handwriting, run: str, text: str | None, shared: Shared, request: PenRequest, page: Page) -> None:
    """Write the text, or strokes of a model without texts: a file a page, each of them whole when it is there."""
    from unspool.ink.write import check_format, write_pages
    from unspool.tasks.pen.window_path import check_window, write_window

    if shared.output is not None:
        check_format(Path(shared.output))
        _check_folder(Path(shared.output))
    if request.window is not None:
        check_window(Path(request.window))
        _check_folder(Path(request.window))
    given = _text(text, request)
    _check(model, run, given, shared, request)
    style = _style(request)
    asked: dict[str, Any] = {
        "bias": request.bias,
        "seed": shared.seed,
        "points": request.points,
        "style": style,
        "weights": shared.weights,
    }
    drawn = shared.output is not None or not shared.json
    plain = shared.output is not None and Path(shared.output).suffix.lower() == ".json"
    layout = page if drawn and not plain else None
    found: list[Manuscript] = []
    for number in range(shared.count):
        written = model.manuscript(
            given, page=layout, line_length=request.line_length, echo=shared.echo, number=number, **asked
        )
        found.append(written)
        if drawn:
            path = _numbered(shared.output, number, shared.count) if shared.output else _free()
            ink = written.ink(page) if layout else [[line.strokes] for line in written.lines]
            for file in write_pages(ink, path, page):
                remark(f"page: {file}")
        if request.window is not None:
            file = write_window(written, _numbered(request.window, number, shared.count))
            remark(f"window: {file}")
    _tell_doubt(model, style)
    _tell_unfinished(found, model)
    if shared.json:
        print_json(_described(run, given, shared.seed, request, found), indent=None)


def _text(text: str | None, request: PenRequest) -> str | None:
    """What is to be written: an argument, a file or standard input."""
    from unspool.data.text import read_text

    if text is not None and request.text_file is not None:
        raise SpecError("a text comes as a word of the command or from --text-file, got both; leave one of them out")
    if request.text_file is not None or text == DASH:
        return read_text(restore_dash([request.text_file or DASH]))
    return text


def _check(model: Handwriting, run: str, text: str | None, shared: Shared, request: PenRequest) -> None:
    if not model.symbols:
        odd = {"text": text, "--line-length": request.line_length, "--window": request.window}
        wrong = [name for name, value in odd.items() if value is not None]
        if wrong:
            raise SpecError(f"{run} has learned strokes alone and takes no {' and no '.join(wrong)}; leave it out")
        return
    if text is None:
        raise SpecError(
            f'this verb needs a text that {run} shall write, but none came; try: unspool sample {run} "hello"'
        )
    if request.points is not None:
        raise SpecError(f"--points is for models without texts, but {run} ends with its text; leave it out")
    if not shared.echo:
        raise SpecError(f"--no-echo is for models without texts, but {run} never repeats the style; leave it out")


def _check_folder(path: Path) -> None:
    """Before a page is written, which may take long."""
    if not path.parent.is_dir():
        raise DataError(
            f"{path} cannot be written, as there is no folder {path.parent}; make it, or choose another place"
        )


def _style(request: PenRequest) -> Strokes | None:
    from unspool.tasks.pen.hand import hand

    if request.style is None:
        if request.style_text is not None or request.style_sample:
            raise SpecError("--style-text and --style-sample belong to --style; add it, or leave them out")
        return None
    return hand(restore_dash([request.style])[0], request.style_sample, request.style_text)


def _numbered(name: str, number: int, count: int) -> Path:
    path = Path(name)
    return path if count == 1 else path.with_stem(f"{path.stem}-{number}")


def _free() -> Path:
    """The first name that no file has yet."""
    number = 1
    while (path := Path(f"{NAME}-{number}.svg")).exists():
        number += 1
    return path


def _tell_doubt(model: Handwriting, style: Strokes | None) -> None:
    """Say whether a style is not such as the network has learned from."""
    from unspool.tasks.pen.hand import verdict

    reason = None if style is None else verdict(model.reader, style)
    if reason is not None:
        remark(f"the style may lead astray: as a sample of training it would have been left out ({reason})")


def _tell_unfinished(found: list[Manuscript], model: Handwriting) -> None:
    """Say once how many lines have reached their limit before the window was behind their text."""
    lines = [line for written in found for line in written.lines]
    open_ended = [line.strokes.text for line in lines if not line.finished]
    if model.symbols and open_ended:
        more = " ..." if len(open_ended) > 1 else ""
        remark(
            f"{len(open_ended)} of {len(lines)} lines were cut off before their text was at its end "
            f"({open_ended[0]!r}{more}); try another --seed or a higher --bias, or train longer"
        )


def _described(run: str, text: str | None, seed: int, request: PenRequest, found: list[Manuscript]) -> dict[str, Any]:
    from unspool.data.pen.plain import to_plain

    samples = [
        {
            "lines": [
                {
                    "text": line.strokes.text,
                    "finished": line.finished,
                    "points": len(line.strokes),
                    **{name: value for name, value in to_plain(line.strokes).items() if name in ("strokes", "y")},
                }
                for line in written.lines
            ]
        }
        for written in found
    ]
    return {"run": run, "text": text, "bias": request.bias, "style": request.style, "seed": seed, "samples": samples}
