"""The one training loop. It knows no task by name: it makes updates, validates, saves, rolls back, and tells of it."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from unspool.errors import TrainingError
from unspool.spec import to_dict
from unspool.training.events import Event, Finished, Progress, RolledBack, Sampled, Saved, Started, Validated
from unspool.training.folder import RunFolder
from unspool.training.options import Budget
from unspool.training.parallel import Lost
from unspool.training.schedule import learning_rate, stepped, warmup_steps
from unspool.training.state import Snapshot, Training

SAVE_SECONDS = 30.0  # half of what a power cut may cost
SAMPLE_SECONDS = 20.0  # between two samples, at least
EARLY_SAMPLES = (1, 10, 30, 100, 300, 1000)  # updates after which there is one at once: a network learns most at first
ADVISABLE = 100  # updates below which there is nothing to say
VALIDATIONS = 20  # at most, in one cycle
ROLLBACKS = 6
ROLLBACK_SCALE = 0.3
EXPLODED = 3.0  # times the first loss


@dataclass(frozen=True)
class Cycle:
    """One fall of the learning rate: from where it starts to the budget, which counts from the run's beginning."""

    budget: Budget
    first_step: int = 0
    first_seconds: float = 0.0

    def document(self, seconds: float) -> dict[str, Any]:
        """Return the cycle for `last.safetensors`; seconds only where the budget is made of them."""
        timed = {"seconds": seconds} if self.budget.kind == "minutes" else {}
        return {**asdict(self), **timed}

    def validations(self, training: Training) -> tuple[int, int]:
        """Return after how many updates the cycle ends, and how many validations it has; a cycle in steps or epochs."""
        each = training.batches.steps_per_epoch
        steps = (self.budget.steps(each) or 0) - self.first_step
        # a validation item costs a third of a training item; spend at most a tenth on validation
        affordable = 0.3 * (steps / each) / max(1e-9, training.task.validation_cost())
        return steps, max(2, min(VALIDATIONS, int(affordable), steps // 10))

    def first_validation(self, training: Training) -> int | None:
        """Return the update at which the first validation comes, None where time decides."""
        if self.budget.kind == "minutes":
            return None
        steps, count = self.validations(training)
        return self.first_step + max(1, -(-steps // count))


class Loop:
    """Drives a training to the end of its cycle; iterate over `events()`."""

    def __init__(
        self,
        training: Training,
        cycle: Cycle,
        folder: RunFolder,
        seconds: float = 0.0,
        good: Snapshot | None = None,
    ) -> None:
        self.training, self.cycle, self.folder = training, cycle, folder
        self.task, self.place = training.task, training.place
        self.ranks = training.ranks
        self.total = cycle.budget.steps(training.batches.steps_per_epoch)
        self.limit = cycle.budget.amount * 60.0
        self.ranks.meet()
        self.began = self.ranks.now() - seconds
        self.saved_at = self.ranks.now()
        self.validation_seconds = 0.0
        self.validated_when = self.sampled_when = seconds
        self.rate_began, self.rate_items = self.ranks.now(), 0
        self.reckoned_from = self.seconds, self.fraction  # what is left: reading the data took none of the cycle
        self.good: Snapshot = good or training.capture()  # where a roll-back goes

    @property
    def seconds(self) -> float:
        """Seconds of training so far, those before a resume included."""
        return self.ranks.now() - self.began

    @property
    def fraction(self) -> float:
        """The share of the cycle that is spent."""
        if self.total is not None:
            return _share(self.place.step - self.cycle.first_step, self.total - self.cycle.first_step)
        # leave room for the last validation and the files
        reserve = min(1.25 * self.validation_seconds + 2.0, 0.3 * self.limit)
        first = self.cycle.first_seconds
        return _share(self.seconds - first, self.limit - reserve - first)

    def events(self) -> Generator[Event]:
        """Train; closing the iterator stops after the current update and saves."""
        try:
            yield Started(self.place.step, self.seconds, self.total, self._parameters(), to_dict(self.task.options))
            self._save_last()
            while True:
                if self._validation_due():  # first of all: a training that stopped right before one resumes here
                    yield from self._validate()
                if self.place.sampled < self.place.step and self.place.step in EARLY_SAMPLES:
                    self.place.sampled = self.place.step
                    yield from self._sample()
                if self.fraction >= 1.0 or self._impatient():
                    break
                yield from self._update()
                if self.ranks.stopped:
                    yield self._save_last()
                    return
                if self.ranks.now() - self.saved_at > SAVE_SECONDS:
                    yield self._save_last()
            yield from self._finish()
        except GeneratorExit:
            if self.ranks.size == 1:  # of several, the others know nothing of it
                self._save_last()
            raise
        except Lost as error:
            raise Lost(self._loss_of_a_process()) from error

    def _update(self) -> Iterator[Event]:
        place = self.place
        rate = self._rate()
        update = self.training.update(rate)
        if reason := self._diverged(update.loss, update.norm):
            yield self._roll_back(reason)
            if self.place.rollbacks > ROLLBACKS:
                raise self._gives_up(reason)
            return
        place.record(update.loss)
        self.rate_items += update.items
        speed = self.rate_items / max(1e-9, self.ranks.now() - self.rate_began)
        fraction = self.fraction
        spent, done = self.seconds - self.reckoned_from[0], fraction - self.reckoned_from[1]
        remaining = spent * (1.0 - fraction) / done if done > 0 else 0.0
        epoch = self.training.batches.epoch
        yield Progress(place.step, self.seconds, epoch, fraction, place.smoothed or 0.0, rate, speed, remaining)

    def _rate(self) -> float:
        """The learning rate of the next update."""
        options, step = self.task.options, self.place.step - self.cycle.first_step
        peak = (options.learning_rate or 0.0) * self.place.scale
        if options.schedule == "step":
            return stepped(peak, step / self.training.batches.steps_per_epoch, options.hold, options.decay)
        warmup = warmup_steps(None if self.total is None else self.total - self.cycle.first_step)
        return learning_rate(peak, step, self.fraction, warmup)

    def _diverged(self, loss: float, norm: float) -> str:
        if not (abs(loss) < float("inf") and norm < float("inf")):
            return "the loss or its gradient is not finite"
        first = self.place.first
        if first is not None and self.place.smoothed is not None and self.place.smoothed > EXPLODED * abs(first) + 1.0:
            return f"the loss rose to {self.place.smoothed:.3g} from {first:.3g}"
        return ""

    def _roll_back(self, reason: str) -> Event:
        failed = self.place
        self.training.restore(self.good)
        self.training.place = self.place = replace(
            self.training.place,
            scale=failed.scale * ROLLBACK_SCALE,
            rollbacks=failed.rollbacks + 1,
            best=failed.best,  # the model that is on disk
            best_step=failed.best_step,
            metrics=failed.metrics,
        )
        self.reckoned_from = self.seconds, self.fraction
        return RolledBack(self.place.step, self.seconds, failed.step, self.place.scale, reason)

    def _gives_up(self, reason: str) -> TrainingError:
        self._save_last()
        return TrainingError(
            f"training diverged {self.place.rollbacks} times ({reason}) although the learning rate was lowered each "
            f"time; the last good state is kept: look at the data, or train again with --learning-rate below "
            f"{(self.task.options.learning_rate or 0.0) * self.place.scale:.2g}"
        )

    def _loss_of_a_process(self) -> str:
        lost = f"a process of this training was lost at update {self.place.step}"
        if (saved := self.folder.saved_step()) is None:
            return f"{lost}, and no state of it is found in {self.folder.path}; start it again"
        return f"{lost}; the run is saved at update {saved}: go on with unspool resume {self.folder.path}"

    def _validation_due(self) -> bool:
        step = self.place.step
        if self.total is None:
            gap = max(self.limit / VALIDATIONS, 10.0 * self.validation_seconds)
            return step > self.place.validated and self.seconds - self.validated_when >= gap
        steps, count = self.cycle.validations(self.training)
        done = step - self.cycle.first_step
        due = 0 < done < steps and done * count // steps > (done - 1) * count // steps
        return due and step > self.place.validated

    def _validate(self) -> Iterator[Event]:
        place, began = self.place, self.ranks.now()
        metrics = self.ranks.same(self.task.metrics())  # measured by all, so that nobody waits long for one
        self.ranks.meet()
        self.validation_seconds = self.ranks.now() - began
        place.validated, self.validated_when = place.step, self.seconds
        loss = float(metrics["validation_loss"])
        best = place.best is None or loss < place.best or not math.isfinite(place.best) or self.task.keeps == "last"
        if best:
            place.best, place.best_step, place.stale, place.metrics = loss, place.step, 0, metrics
            if self.ranks.first:
                self.folder.write_model(self.task, {"step": place.step, "budget": str(self.cycle.budget), **metrics})
        else:
            place.stale += 1
        if place.smoothed is not None and place.lowest is not None and place.smoothed <= place.lowest + 0.5:
            self.good = self.training.capture()
        yield Validated(place.step, self.seconds, metrics, best)
        if best:
            yield Saved(place.step, self.seconds, self.folder.model)
        if self.seconds - self.sampled_when > SAMPLE_SECONDS:
            yield from self._sample()
        self.rate_began, self.rate_items = self.ranks.now(), 0

    def _sample(self) -> Iterator[Event]:
        if self.ranks.first and (text := self.task.preview(self.place.step)):
            self.sampled_when = self.seconds
            yield Sampled(self.place.step, self.seconds, text)

    def _impatient(self) -> bool:
        patience = self.task.options.patience
        return self.task.keeps == "best" and 0 < patience <= self.place.stale

    def _finish(self) -> Iterator[Event]:
        reason = "patience" if self.fraction < 1.0 else "budget"
        if self.place.validated != self.place.step or self.place.best is None:
            yield from self._validate()
        self.place.finished = reason
        yield self._save_last()
        advice = self.task.advice() if self.ranks.first and self.place.step >= ADVISABLE else []
        yield Finished(self.place.step, self.seconds, reason, self.place.metrics, advice)

    def _save_last(self) -> Event:
        good = None if self.good.values["place"]["step"] == self.place.step else self.good
        snapshot = self.training.capture()
        if self.ranks.first:
            self.folder.write_last(self.task, snapshot, self.cycle.document(self.seconds), good)
        self.saved_at = self.ranks.now()
        return Saved(self.place.step, self.seconds, self.folder.last)

    def _parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.task.model.parameters())


def _share(spent: float, whole: float) -> float:
    return min(1.0, spent / whole) if whole > 0 else 1.0
