"""`unspool predict RUN --stream` of a sound: what is said, as it is said."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from unspool.cli.stream import StreamSettings, opened
from unspool.cli.streams import json_text
from unspool.errors import SpecError

if TYPE_CHECKING:
    from unspool.tasks.transcribing.transcriber import Transcriber


def listen(task: Transcriber, data: Sequence[str], settings: StreamSettings, json: bool) -> int:
    """Write down a WAV or raw samples while they come; with `json` a line for every symbol, otherwise one text."""
    from unspool.data.sound.stream import read_wave_stream
    from unspool.tasks.transcribing.listening import Listener

    if len(data) > 1:
        raise SpecError(f"--stream listens to one sound, got {len(data)} files; give one, or pipe it in")
    if replace(settings, rate=None) != StreamSettings():
        raise SpecError("--key, --state, --max-streams and --format are for rows, got a model of sound; leave them out")
    task.stepper()  # refuses another model before a sound is waited for
    with opened(data) as file:
        rate, blocks = read_wave_stream(file, settings.rate)
        listener = Listener(task, rate)
        try:
            for block in blocks:
                for answer in listener.accept(block):
                    _print(answer, json)
            for answer in listener.finish():
                _print(answer, json)
        finally:  # Ctrl-C is how listening to a microphone ends
            if not json:
                print()
    return 0


def _print(answer: Mapping[str, Any], json: bool) -> None:
    sys.stdout.write(json_text(answer, None) + "\n" if json else answer["text"])
    sys.stdout.flush()
