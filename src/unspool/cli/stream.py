"""`unspool predict RUN --stream`: rows are answered as they come, each stream of rows with a state of its own."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Literal

from unspool.cli.signals import Interrupt, Interrupted
from unspool.cli.streams import json_text, remark
from unspool.data.rows import Row, Rows, rows_like
from unspool.errors import DataError, SpecError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from unspool.tasks.streaming import Streams
    from unspool.training.protocol import Task

BLOCK: Final = 1 << 16  # bytes that are taken at once, if they are there
ROWS: Final = 512  # answered at once: more would make the first of them wait
LONGEST: Final = 1 << 20  # bytes of a row


@dataclass(frozen=True)
class StreamSettings:
    """Flags of `predict --stream`."""

    key: str | None = None
    """With --stream: the column that tells streams apart, each with its own state."""
    state: str | None = None
    """With --stream: file that the states are taken from, if it is there, and saved to at the end."""
    max_streams: int | None = None
    """With --stream: how many streams are kept (100000); for one more, the one not seen for longest begins anew."""
    format: Literal["csv", "tsv", "jsonl"] | None = None
    """With --stream: how rows are written; guessed from the first line."""
    rate: int | None = None
    """With --stream of a sound: it is no WAV but raw 16-bit samples of one channel, so many a second."""


def stream_rows(task: Task, data: Sequence[str], settings: StreamSettings, json: bool) -> int:
    """Answer the rows of a file or of standard input, and return the exit status: 1 if some were bad."""
    if len(data) > 1:
        raise SpecError(f"--stream reads one file or standard input, got {len(data)} files; give one, or pipe them in")
    if settings.rate is not None:
        raise SpecError(f"--rate is for a model of sound, got a {task.name} that reads rows; leave it out")
    session = Session(task, settings, json)
    gc.freeze()  # a collector that walks over all that was imported would keep rows waiting
    with opened(data) as file, Interrupt("stopped at once; the states were not saved") as interrupt:
        try:
            for lines in arriving(file, interrupt):
                session.take(lines)
            session.end()
        except Interrupted as error:
            if interrupt.patient:  # the second signal, with rows half answered
                raise
            told = session.save() or "no state was kept, --state FILE would keep it"
            raise Interrupted(error.number, f"stopped after line {session.line}; {told}") from None
        except Exception:  # a reader that left, a table that ends in the middle: what was answered is kept
            session.save()
            raise
        if told := session.save():
            remark(told)
    return 1 if session.bad else 0


def arriving(file: BinaryIO, interrupt: Interrupt) -> Iterator[list[bytes]]:
    """The lines of a file, as many at once as are there, `ROWS` at most; a signal ends it between two of them."""
    rest, block = b"", b"\n"
    while block:
        interrupt.patient = False  # from here on a signal ends the waiting
        if interrupt.number:
            raise Interrupted(interrupt.number, "")
        block = file.read1(BLOCK)  # type: ignore[attr-defined]
        interrupt.patient = True
        *lines, rest = (rest + block).split(b"\n")
        rest = rest[: LONGEST + 1]  # of a row without end, enough is kept to refuse it
        if not block and rest:
            lines.append(rest)
        for first in range(0, len(lines), ROWS):
            yield lines[first : first + ROWS]


class Session:
    """The states of all streams, and what the first line said of the rows."""

    def __init__(self, task: Task, settings: StreamSettings, json: bool) -> None:
        from unspool.tasks.streaming import MOST, Streams, model_fingerprint

        self.settings, self.json = settings, json
        self.stepper = task.stepper()
        most = MOST if settings.max_streams is None else settings.max_streams
        self.streams: Streams = Streams(self.stepper, most)
        self.rows: Rows | None = None
        self.line = self.bad = 0
        self.file = None if settings.state is None else Path(settings.state)
        if self.file is not None:
            self.model = model_fingerprint(task)
            if self.file.exists():
                self.streams.load(self.file, self.model)
            elif not self.file.parent.is_dir():
                raise SpecError(f"--state must name a file in a folder that exists, got {self.file}; make the folder")

    def take(self, lines: Sequence[bytes]) -> None:
        """Answer some lines, and say of each that is bad why."""
        keys: list[str] = []
        inputs: list[NDArray[np.float32]] = []
        places: list[int] = []
        for raw in lines:
            self.line += 1
            try:
                text = _text(raw, self.line)
                if not text or self._is_header(text):
                    continue
                row = self._row(text)
                inputs.append(self.stepper.read(row.cells))
                keys.append(row.key)
                places.append(self.line)
            except DataError as error:
                if self.rows is None:  # nothing can be known of what follows
                    raise DataError(f"line {self.line}: {error}") from error
                self._refuse(self.line, error)
        if keys:
            self._answer(keys, inputs, places)

    def _refuse(self, line: int, why: object) -> None:
        self.bad += 1
        remark(f"unspool: line {line}: {why}")

    def _is_header(self, text: str) -> bool:
        """Learn from the first line, and tell whether it is no row."""
        if self.rows is not None:
            return False
        columns, key = self.stepper.columns, self.settings.key
        self.rows = rows_like(text, columns, key, self.settings.format)
        if columns is not None or key is not None or not self.rows.header:
            return self.rows.header
        with contextlib.suppress(DataError):
            self.stepper.read(self._row(text).cells)
            return False
        return True

    def _row(self, text: str) -> Row:
        assert self.rows is not None
        return self.rows.row(text)

    def _answer(self, keys: Sequence[str], inputs: Sequence[NDArray[np.float32]], lines: Sequence[int]) -> None:
        import numpy as np

        before = self.streams.forgotten
        answers = self.streams.step(keys, np.stack(inputs))
        told = []
        for key, answer, line in zip(keys, answers, lines, strict=True):
            if "refused" in answer:
                self._refuse(line, answer["refused"])
            else:
                told.append(self._told(key, answer))
        _write(told)
        if self.streams.forgotten and not before:
            remark(
                f"there are more than {self.streams.most} streams: those not seen for longest begin anew; "
                "--max-streams keeps more"
            )

    def end(self) -> None:
        """Tell what all streams still say at the end of the data, unless they go on from a file later."""
        if self.file is None:
            _write([self._told(key, answer) for key, answer in self.streams.end()])

    def _told(self, key: str, answer: dict[str, object]) -> str:
        if self.json:
            return json_text(answer if self.settings.key is None else {"key": key, **answer}, None)
        if self.settings.key is None:
            return self.stepper.told(answer)
        return f"{key if key.isprintable() else json_text(key)[1:-1]}\t{self.stepper.told(answer)}"

    def save(self) -> str:
        """Save the states if they are to be kept, and tell what was done."""
        if self.file is None or (self.rows is None and not self.streams):  # nothing came, or nothing could be read
            return ""
        self.streams.save(self.file, self.model)
        return f"streams saved in {self.file}: {len(self.streams)}"


def opened(data: Sequence[str]) -> AbstractContextManager[BinaryIO]:
    """The one file that is named, or standard input."""
    if data in ([], ["-"]):
        return contextlib.nullcontext(sys.stdin.buffer)
    try:
        return Path(data[0]).open("rb")
    except OSError as error:
        raise DataError(
            f"--stream must name a file that can be read, but {data[0]} is none ({error.strerror}); check the path"
        ) from error


def _write(lines: Sequence[str]) -> None:
    sys.stdout.write("".join(line + "\n" for line in lines))
    sys.stdout.flush()


def _text(raw: bytes, line: int) -> str:
    if len(raw) > LONGEST:
        raise DataError(f"a row must have at most {LONGEST} bytes, got more; end each row with a newline")
    try:
        return raw.decode("utf-8-sig" if line == 1 else "utf-8").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise DataError(f"a row must be UTF-8, got the byte 0x{raw[error.start]:02x}; convert the table") from error
