"""What a person sees of a training: what was chosen, a progress bar, validations, a sample now and then."""

from __future__ import annotations

import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from unspool.tasks.start import Session
from unspool.training.events import Event, Finished, RolledBack, Sampled, Started, Validated
from unspool.training.events import Progress as Update

PLAIN_SECONDS = 10.0  # between lines where there is no terminal to draw on
SAMPLE_SECONDS = 20.0  # of training between two samples, all of which are in the log
SAMPLE_LINES, SAMPLE_WIDTH = 3, 100


class Display:
    """Shows the events of one session on standard error; if quiet only what went wrong, if silent nothing at all."""

    def __init__(self, session: Session, *, quiet: bool, silent: bool = False) -> None:
        self.session, self.quiet, self.silent = session, quiet or silent, silent
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.live = self.console.is_terminal and not self.quiet
        self.bar = Progress(
            BarColumn(bar_width=24), TextColumn("{task.description}"), console=self.console, transient=True
        )
        self.row: TaskID | None = None
        self.shown = self.drawn = 0.0
        self.sampled = 0.0  # second of the training at which a sample was shown, or else it began

    def __enter__(self) -> Display:
        if self.live:
            self.bar.start()
            self.row = self.bar.add_task("", total=1.0)
        return self

    def __exit__(self, *error: object) -> None:
        if self.live:
            self.bar.stop()

    def show(self, event: Event) -> None:
        """Show one event."""
        if self.silent or (self.quiet and not isinstance(event, RolledBack)):
            return
        if isinstance(event, Started):
            self.sampled = event.seconds
            self._started(event)
        elif isinstance(event, Update):
            self._update(event)
        elif isinstance(event, Validated):
            best = event.best and self.session.task.keeps == "best"
            self._say(self._validated(event.step, event.metrics, "  best so far" if best else ""))
        elif isinstance(event, Sampled):
            self._sample(event)
        elif isinstance(event, RolledBack):
            told = f"back to update {event.step}, learning rate x {event.scale:.3g}"
            self._say(f"update {event.failed_step}: {event.reason}; {told}", style="bold")
        elif isinstance(event, Finished):
            why = "no improvement for a while" if event.reason == "patience" else "the budget is spent"
            updates = "1 update" if event.step == 1 else f"{event.step} updates"
            self._say(f"done after {updates} in {duration(event.seconds)}: {why}")
            self._say(self._validated(event.step, event.metrics, "  kept"))
            for line in event.advice:
                self._say(line)

    def _started(self, event: Started) -> None:
        task = self.session.task
        for name, value in task.describe().items():
            self._say(f"{name.replace('_', ' ')}: {_short(value)}")
        for name, number in task.baselines.items():
            self._say(f"baseline, {name}: {number:.4f}")
        chosen = "  ".join(f"--{name.replace('_', '-')} {value}" for name, value in _chosen(event.options).items())
        self._say(f"network: {event.parameters:,} weights  {chosen}")
        start = f"goes on after update {event.step}" if event.step else "begins"
        self._say(f"training {start}: {task.budget}; {self.session.remark or 'Ctrl-C stops and saves'}")

    def _update(self, event: Update) -> None:
        text = (
            f"{event.fraction:4.0%}  update {event.step}  epoch {event.epoch + 1}  loss {event.loss:.4f}"
            f" {self.session.task.unit}  {event.items_per_second:,.0f} {self.session.task.noun}/s"
        )
        if event.fraction >= 0.02:  # before that an estimate would mislead
            text += f"  {duration(event.remaining)} left"
        now = time.monotonic()
        if self.row is not None:
            if now - self.drawn > 0.1:
                self.bar.update(self.row, completed=event.fraction, description=text)
                self.drawn = now
        elif now - self.shown > PLAIN_SECONDS:
            self._say(text)
            self.shown = now

    def _sample(self, event: Sampled) -> None:
        if event.seconds - self.sampled < SAMPLE_SECONDS:
            return
        self.sampled = event.seconds
        lines = [line for line in event.text.splitlines() if line.strip()]
        for line in lines[:SAMPLE_LINES]:
            plain = "".join(character if character.isprintable() else "\u00b7" for character in line)
            self._say(f"    {plain[:SAMPLE_WIDTH]}", style="dim")

    def _validated(self, step: int, metrics: dict[str, Any], note: str) -> str:
        names = {
            "validation_loss": f"{self.session.task.unit}",
            "bits_per_character": "bits a character",
            "accuracy": "accuracy",
            "macro_f1": "macro-F1",
            "mse_scaled": "squared error of standardised values",
            "mse": "squared error",
            "r2": "R2",
            "coverage": "of the interval",
        }
        told = "  ".join(f"{metrics[name]:.4f} {unit}" for name, unit in names.items() if name in metrics)
        return f"update {step}  validation {told}{note}"

    def _say(self, text: str, style: str = "") -> None:
        if self.live:
            self.console.print(Text(text, style=style))
        else:
            print(text, file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """Return seconds as a person writes them: 45s, 3m10s, 2h05m."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


# what a network need not be told to have
PLAIN = {"encoder": "linear", "frame": 1, "members": 1, "ngrams": 1, "augment": "none", "init": "plain"}


def _chosen(options: dict[str, Any]) -> dict[str, Any]:
    sized = ("cell", "hidden_size", "layers", "hidden_sizes", "dropout", "learning_rate", "batch_size", "window")
    chosen = (*sized, "horizon", "context", "pooling", "jitter", *PLAIN, "seed")
    return {name: options[name] for name in chosen if options.get(name) not in (None, "", PLAIN.get(name))}


def _short(value: Any) -> str:
    if isinstance(value, list):
        text = ", ".join(map(str, value[:12]))
        return f"{len(value)} ({text}{', ...' if len(value) > 12 else ''})"
    if isinstance(value, dict):
        return ", ".join(f"{count:,} by {reason}" for reason, count in value.items()) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
