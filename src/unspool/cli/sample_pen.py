"""`unspool sample RUN "text"` with a handwriting model: pages, or strokes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unspool.cli.signals import Interrupt, Interrupted
from unspool.cli.streams import DASH, print_json, remark
from unspool.errors import SpecError
from unspool.ink.options import Page
from unspool.tasks.pen.request import PenRequest

if TYPE_CHECKING:
    from unspool.cli.sample import Shared
    from unspool.data.pen.strokes import Inks
    from unspool.ink.page import Lines
    from unspool.tasks.pen.handwriting import Handwriting
    from unspool.tasks.pen.manuscript import Manuscript

NAME = "handwriting"  # of a file that was given none
WORD = 30  # characters of a word in a remark
SECONDS = 10.0  # between two remarks on how far a long text is


def sample_pen(model: Handwriting, run: str, text: str | None, shared: Shared, request: PenRequest, page: Page) -> None:
    """Write the text, or strokes of a model without texts: a file a page, each of them whole when it is there.

    Ctrl-C and SIGTERM end a text between two lines, and those that are there are written to their files.
    """
    from unspool.ink.write import DRAWN

    drawn = shared.output is not None or not shared.json
    _check_files(shared, request, page, drawn)
    given = _text(text, request)
    _check(model, run, given, shared, request)
    hand = _hand(model, request)
    style = None if hand is None else model.led(hand)
    model.check(given, style, shared.weights)
    asked: dict[str, Any] = {
        "bias": model.bias(request.bias),
        "seed": shared.seed,
        "points": request.points,
        "style": style,
        "weights": shared.weights,
        "line_length": request.line_length,
        "echo": shared.echo,
    }
    ending = Path(shared.output or f"{NAME}.svg").suffix.lower()
    layout = page if drawn and ending in DRAWN else None
    found: list[Manuscript] = []
    with Interrupt("interrupted") as interrupt:
        if hand is not None and request.adapt:
            model = _adapted(model, hand, request.adapt)
        interrupt.patient = bool(model.symbols)
        for number in range(shared.count):
            found.append(_written(model.drafts(given, page=layout, number=number, **asked), interrupt))
            if drawn:
                path = _numbered(shared.output, number, shared.count) if shared.output else _free()
                _draw(found[-1].ink(layout), path, page)
            if request.window is not None:
                _draw_window(found[-1], _numbered(request.window, number, shared.count))
            if interrupt.number:
                break
    _tell_cut(found)
    _tell_unfinished(found, model)
    if shared.json:
        print_json(_described(run, given, shared.seed, asked["bias"], request, found), indent=None)
    done, total = sum(len(written.lines) for written in found), found[0].total * shared.count
    if done < total:
        raise Interrupted(interrupt.number, f"interrupted after {done} of {total} lines, which are written")


def _written(drafts: Iterator[Manuscript], interrupt: Interrupt) -> Manuscript:
    """The last draft, or the one that is there at a signal; a remark now and then tells how far it is."""
    tell = _progress("lines")
    for draft in drafts:
        if interrupt.number:
            break
        tell(len(draft.read), draft.total)
    return draft


def _progress(things: str) -> Callable[[int, int], None]:
    """What tells now and then how many of all are done, and how long the rest will take."""
    from unspool.cli.display import duration

    began = told = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told > SECONDS and 0 < done < total:  # without a text there are no lines to count
            remark(f"{done} of {total} {things}, {duration((now - began) / done * (total - done))} left")
            told = now

    return tell


def _draw(ink: Lines, path: Path, page: Page) -> None:
    from unspool.ink.write import write_pages

    remarks: list[str] = []
    for file in write_pages(ink, path, page, tell=remarks.append):
        remark(f"page: {file}")
    for told in remarks:
        remark(told)


def _draw_window(written: Manuscript, path: Path) -> None:
    from unspool.tasks.pen.window_path import shown, write_window

    count, total = shown(written, path), len(written.lines)
    more = f", the first {count} of {total} lines; .npz has all" if count < total else ""
    remark(f"window: {write_window(written, path)}{more}")


def _check_files(shared: Shared, request: PenRequest, page: Page, drawn: bool) -> None:
    """Before anything is written, which may take long."""
    from unspool.ink.write import check_drawing, check_flags, check_format
    from unspool.tasks.pen.window_path import check_window

    if shared.output is not None:
        check_format(Path(shared.output))
        name, where = Path(shared.output), ""
    else:
        name, where = (_free(), "in a page of .svg") if drawn else (Path(f"{NAME}.json"), "where --json draws no page")
    check_flags(name, page, where)
    for number in range(shared.count):
        drawing = _numbered(name, number, shared.count)
        if drawn:
            check_drawing(drawing, page)
        if request.window is not None:
            window = _numbered(request.window, number, shared.count)
            check_window(window)
            if drawn and window.resolve() == drawing.resolve():
                raise SpecError(f"--window and --output must be two files, got {window} for both; rename one of them")


def _text(text: str | None, request: PenRequest) -> str | None:
    """What is to be written: an argument, a file or standard input."""
    from unspool.data.text import read_text

    if text is not None and request.text_file is not None:
        raise SpecError("a text comes as a word of the command or from --text-file, got both; leave one of them out")
    if request.style == DASH and DASH in (text, request.text_file):
        raise SpecError("standard input is read once, got - for the text and for --style; name a file for one of them")
    if request.text_file == "":
        raise SpecError("--text-file must be a file, or - for standard input, got an empty name; leave it out")
    if request.text_file is not None or text == DASH:
        return read_text([request.text_file or DASH])
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


def _hand(model: Handwriting, request: PenRequest) -> Inks | None:
    """The sample that the network is led along, and more by its writer."""
    from unspool.data.pen.strokes import Inks
    from unspool.tasks.pen.hand import MOST, hand, samples

    if request.style is None:
        if request.style_text is not None or request.style_sample is not None or request.adapt:
            raise SpecError("--style-text, --style-sample and --adapt belong to --style; add it, or leave them out")
        return None
    found = samples(request.style)
    mine = Inks(hand(found, request.style_sample or 0, request.style_text))
    if request.adapt and request.style_text is not None and len(mine) > 1:
        raise SpecError(
            f"--adapt learns from all samples of a writer, got {len(mine)} with --style-text for one of them; "
            "put the texts into the file, or leave one of the two out"
        )
    if len(found) > 1 and request.style_sample is None:
        remark(f"the style is sample 0 of {len(found)}, {mine[0].text!r}; --style-sample N takes another")
    _tell_doubt(model, mine)
    if request.adapt and len(mine) < len(found):
        whose = f"by the writer of the style, {MOST + 1} at most"
        remark(f"{len(mine)} of the {len(found)} samples are learned from: those {whose}")
    return mine


def _adapted(model: Handwriting, mine: Inks, updates: int) -> Handwriting:
    """The model after it has learned from what the writer of the style wrote."""
    from unspool.tasks.pen.reading import told

    data = model.encoded_style(mine)
    left, all_of = (f", left out: {told(data.dropped)}", f"{len(data)} of ") if data.dropped else ("", "")
    samples, many = "sample" if len(mine) == 1 else "samples", "update" if updates == 1 else "updates"
    remark(f"{updates} {many} on {all_of}{len(mine)} {samples} of the style{left}")
    tell = _progress("updates")
    return model.adapted(data, updates, tell=lambda done: tell(done, updates))


def _numbered(name: str | Path, number: int, count: int) -> Path:
    path = Path(name)
    return path if count == 1 else path.with_stem(f"{path.stem}-{number}")


def _free() -> Path:
    """The first name that no file has yet."""
    number = 1
    while (path := Path(f"{NAME}-{number}.svg")).exists():
        number += 1
    return path


def _tell_doubt(model: Handwriting, mine: Inks) -> None:
    """Say whether a style is not such as the network has learned from; one without its text will be refused."""
    from unspool.tasks.pen.hand import verdict
    from unspool.tasks.pen.reading import MEANING

    if model.symbols and mine[0].text is None:
        return
    reason = verdict(model.reader, mine)
    if reason is not None:
        why = f"{reason}: {MEANING[reason]}"
        remark(f"the style may lead astray: as a sample of training it would have been left out ({why})")


def _tell_cut(found: list[Manuscript]) -> None:
    """Say which words were too long for a line."""
    if cut := found[0].cut:
        more, were = (" ...", "were") if len(cut) > 1 else ("", "was")
        word = cut[0] if len(cut[0]) <= WORD else f"{cut[0][:WORD]}..."
        remark(
            f"{word!r}{more} {were} written in parts, longer than a line: shorten it, or see --line-length and --letter"
        )


def _tell_unfinished(found: list[Manuscript], model: Handwriting) -> None:
    """Say once how many lines have reached their limit before the window was behind their text."""
    lines = [line for written in found for line in written.lines]
    open_ended = [line.strokes.text for line in lines if not line.finished]
    if model.symbols and open_ended:
        more = " ..." if len(open_ended) > 1 else ""
        were, their = ("was", "its") if len(open_ended) == 1 else ("were", "their")
        remark(
            f"{len(open_ended)} of {len(lines)} {'line' if len(lines) == 1 else 'lines'} {were} cut off before {their} "
            f"text was at its end ({open_ended[0]!r}{more}); try another --seed or a higher --bias, or train longer"
        )


def _described(
    run: str, text: str | None, seed: int, bias: float, request: PenRequest, found: list[Manuscript]
) -> dict[str, Any]:
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
    hand = {"style": request.style, "adapt": request.adapt}
    return {"run": run, "text": text, "bias": bias, **hand, "seed": seed, "samples": samples}
