"""What a handwriting model is worth, on writers that it has not seen. Three tables:

`python benchmarks/handwriting_quality.py loss SYNTHESIS PREDICTION DATA ...`  what the text tells a network
`python benchmarks/handwriting_quality.py stop MODEL [DATA ...]`               where twenty sentences end
`python benchmarks/handwriting_quality.py priming MODEL DATA ...`              whether a hand is recognised

Where DATA is what a model was trained on, only the writers that were held out are used; else all of it is.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from command import print_place, print_table
from numpy.typing import NDArray

import unspool
from unspool.data.pen.joining import side_by_side
from unspool.data.pen.read import read_inks
from unspool.data.pen.strokes import Inks, Strokes
from unspool.data.sequence import mask
from unspool.errors import DataError
from unspool.ink.options import Page
from unspool.ink.write import write_pages
from unspool.nets.scribe import shifted
from unspool.tasks.batches import by_length
from unspool.tasks.pen.handwriting import Handwriting
from unspool.tasks.pen.reading import PenData, Reader, divided
from unspool.tasks.whole.classifier import Classifier

BIASES = (0.0, 0.5, 1.0, 2.0)
SENTENCES = (
    "The quick brown fox, 1984.", "Zoe's jazz quiz: Box 37!", "Why did Max pay (only) 5?", "Quito is far; 2,850 m.",
    "Five wizards jump over us.", "Xavier lives at 60 Kent Rd.", 'Bob said "No vodka!"', "Under my umbrella - again.",
    "Lucy & Greg paid 40 more.", "Yes, Olga knew 9 by heart.", "Hal's glyph vexed Frank.", "Patience, Quentin: it's 7.",
    "Waltz, bad nymph, for Jim.", "Can I keep 13 zebras here?", "Judge Rita wrote to us.", "Every Thursday Ned bikes.",
    "Sphinx of black quartz!", "Vera and Una took a nap.", "Kevin got 86 new jugs", "Ada and Dan love fresh air.",
)  # fmt: skip
PIECE, STRIDE = 12, 6  # characters that a hand is recognised by at once, and from one such piece to the next
LINE = 20  # characters of a line that a hand is learned from or gone on with
LINES = 60  # of a writer that the classifier learns from, at most, so that none is the usual answer
JUDGE: dict[str, Any] = {
    "hidden_size": 64, "layers": 1, "encoder": "conv", "pooling": "mean", "augment": "none", "batch_size": 32,
    "learning_rate": 0.005, "class_weights": "balanced", "members": 1, "patience": 0,
}  # fmt: skip


class Sums(NamedTuple):
    """Over the samples of one writer."""

    nats: float  # of densities in sizes, not in the deviations of a network's own training data
    squared_x: float  # in sizes
    squared_y: float
    points: int
    characters: int
    lines: int


def main() -> None:
    """Read the command and print the table that it asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    tables = parser.add_subparsers(dest="table", required=True)
    asked = {
        "loss": (("synthesis", None), ("prediction", None), ("data", "+")),
        "stop": (("model", None), ("data", "*")),
        "priming": (("model", None), ("data", "+")),
    }
    for name, arguments in asked.items():
        table = tables.add_parser(name)
        for argument, count in arguments:
            table.add_argument(argument, nargs=count)
        if name != "loss":
            table.add_argument(
                "--page",
                type=Path,
                help="draw what was written: a fourth of the sentences at each bias, or real lines above primed ones",
            )
            table.add_argument("--seed", type=int, default=0)
    priming_table = tables.choices["priming"]
    priming_table.add_argument("--writers", type=int, default=10)
    priming_table.add_argument(
        "--samples", type=int, default=5, help="of each writer, each after another line of theirs"
    )
    priming_table.add_argument("--bias", type=float, default=0.0)
    priming_table.add_argument(
        "--adapt", type=int, default=100, help="updates on the lines that prime, as `unspool sample --adapt` makes them"
    )
    priming_table.add_argument("--steps", type=int, default=1000, help="updates of the classifier")
    given = parser.parse_args()
    print_place()
    chosen: dict[str, Callable[[argparse.Namespace], None]] = {"loss": loss, "stop": stop, "priming": priming}
    chosen[given.table](given)


def held_out(task: Handwriting, data: Sequence[str]) -> Inks:
    """The samples of the writers that the model was not trained on; all where it was trained on other data."""
    parts = divided(list(data), task.options.validation, task.options.seed)
    if parts.fingerprint == task.fingerprint:
        return parts.held
    print("the data is not what the model was trained on: all of it is taken as unseen\n")
    return read_inks(list(data))


def loss(given: argparse.Namespace) -> None:
    """Tables 3 and 4 of Graves (2013): two networks on the same points of the same writers, in the same units."""
    synthesis, prediction = (cast(Handwriting, unspool.load(run)) for run in (given.synthesis, given.prediction))
    held = held_out(synthesis, given.data)
    if prediction.fingerprint != synthesis.fingerprint:
        raise SystemExit("both networks must be trained on the same data with the same split, but they were not")
    laid = [replace(t.reader.normaliser, mean=(0.0, 0.0), std=(1.0, 1.0)) for t in (synthesis, prediction)]
    if laid[0] != laid[1]:
        raise SystemExit(f"both networks must read the same points, but they are laid out by {laid[0]} and {laid[1]}")
    found = [writers_of(task, held, synthesis.reader) for task in (synthesis, prediction)]
    x, y = synthesis.reader.normaliser.std  # the units of what is printed
    totals = [added(sums.values()) for sums in found]
    rows: list[list[object]] = []
    errors: list[float] = []
    for name, task, total in zip(("with the text", "strokes alone"), (synthesis, prediction), totals, strict=True):
        nats = total.nats - total.points * math.log(x * y)
        each = [nats / count for count in (total.points, total.characters, total.lines)]
        o, weights = task.options, sum(p.numel() for p in task.model.parameters())
        errors.append((total.squared_x / x**2 + total.squared_y / y**2) / total.points)
        rows.append([name, f"{o.layers}x{o.hidden_size}", weights, *each, errors[-1]])
    print(f"{totals[0].lines} lines, {totals[0].points} points and {totals[0].characters} characters ", end="")
    print(f"by {len(found[0])} writers that were held out; nats and SSE in deviations of the training offsets\n")
    print_table(["network", "size", "weights", "nats a point", "nats a character", "nats a line", "SSE"], rows)
    gains = [(p.nats - s.nats, s.characters) for s, p in zip(*(sums.values() for sums in found), strict=True)]
    gain, error = ratio_and_error(gains)
    print(
        f"\nthe text lowers the loss by {gain:.2f} nats a character (standard error over writers {error:.2f}), ", end=""
    )
    print(f"{(totals[1].nats - totals[0].nats) / totals[0].lines:.1f} nats a line, ", end="")
    print(f"and the SSE by {100 * (1 - errors[0] / errors[1]):.0f} %")
    ranked = sorted((nats / characters, writer) for (nats, characters), writer in zip(gains, found[0], strict=True))
    values = [value for value, _ in ranked]
    print(f"writer by writer: mean {statistics.mean(values):.2f}, median {statistics.median(values):.2f}, ", end="")
    print(f"2 or more for {sum(value >= 2 for value in values)} of {len(values)}; least: ", end="")
    print(
        ", ".join(f"{value:.2f} ({writer}, {found[0][writer].characters} characters)" for value, writer in ranked[:5])
    )


def writers_of(task: Handwriting, held: Inks, reader: Reader) -> dict[str, Sums]:
    """Nats and squared errors for each writer, of the samples that `reader` keeps, whatever the network reads."""
    places = defaultdict(list)
    for place in range(len(held)):
        sample = held[place]
        places[f"alone {place}" if sample.writer is None else sample.writer].append(place)
    own = Reader(task.reader.normaliser, reader.alphabet, reader.screen)
    found = {}
    for writer, theirs in places.items():
        try:
            data = own.encoded(held.select(theirs))
        except DataError:  # not a line of them is one
            continue
        found[writer] = sums_of(task, data)
    return found


@torch.no_grad()
def sums_of(task: Handwriting, data: PenData) -> Sums:
    """Nats and squared errors of a network over samples."""
    scale = np.array(task.reader.normaliser.std)
    nats, squared = 0.0, np.zeros(2)
    for places in by_length(data.lengths, 128, 1 << 14):
        points, lengths, memory = task.gather(data, places)
        raw = task.model(shifted(points), lengths=lengths, memory=memory).raw
        inside = mask(lengths, len(points)).t()  # [T, B]
        nats -= float(task.model.head.log_prob(raw, points).cpu()[inside].double().sum())
        errors = (task.model.head.mean(raw) - points)[..., :2].cpu()[inside].double()  # [., 2]
        squared += errors.square().sum(0).numpy() * scale**2
    nats += len(data.rows) * float(np.log(scale).sum())  # of densities in sizes
    return Sums(nats, float(squared[0]), float(squared[1]), len(data.rows), len(data.ids), len(data))


def added(sums: Iterable[Sums]) -> Sums:
    """Of all writers."""
    return Sums(*(sum(column) for column in zip(*sums, strict=True)))


def ratio_and_error(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """The sum of the first over the sum of the second, and its standard error where the pairs are drawn anew."""
    above, below = np.array(pairs, dtype=np.float64).T
    draw = np.random.default_rng(0).integers(0, len(above), (2000, len(above)))
    return float(above.sum() / below.sum()), float((above[draw].sum(1) / below[draw].sum(1)).std())


def stop(given: argparse.Namespace) -> None:
    """Section 5.3: whether the window's way tells where a text ends."""
    task = with_texts(given.model)
    alphabet = task.reader.alphabet
    assert alphabet is not None
    texts = [known_part(task, sentence) for sentence in SENTENCES]
    missing = sorted(set(alphabet.symbols) - set("".join(texts)) - {" "})
    print(f"{len(texts)} sentences with {len(set(''.join(texts)))} of {len(alphabet)} characters; ", end="")
    print(f"not in them: {''.join(missing) or 'none'}")
    if given.data:
        known = Counter(sample.text for sample in read_inks(given.data))
        print(f"{sum(text in known for text in texts)} of them stand in the data")
    print()
    rows: list[list[object]] = []
    shown: list[list[Strokes]] = []
    for number, bias in enumerate(BIASES):
        lines = [next(task.lines(text, bias=bias, seed=given.seed, first=n)) for n, text in enumerate(texts)]
        expected = [task.pace.per_character * len(text) for text in texts]
        ratios = [len(line.strokes) / points for line, points in zip(lines, expected, strict=True)]
        good = [line.finished and 0.5 <= ratio <= 2 for line, ratio in zip(lines, ratios, strict=True)]
        cut = sum(not line.finished for line in lines)
        rows.append(
            [bias, f"{100 * statistics.mean(good):.0f} %", cut, min(ratios), statistics.median(ratios), max(ratios)]
        )
        shown += [[line.strokes] for line in lines[number :: len(BIASES)]] + [[]]  # and a gap
    if given.page is not None:
        write_pages(shown[:-1], given.page, Page(size="fit", margin=6.0, letter=2.5, dpi=110))
    told = "end between 0.5 and 2 times the expected length", "cut off", "shortest", "median", "longest"
    print_table(["bias", *told], rows)


def with_texts(run: str) -> Handwriting:
    """A model that reads texts."""
    task = cast(Handwriting, unspool.load(run))
    if not task.symbols:
        raise SystemExit(f"{run} writes without a text; name a model that reads texts")
    return task


def known_part(task: Handwriting, sentence: str) -> str:
    """The sentence without characters that the model has not seen."""
    assert task.reader.alphabet is not None
    unknown = task.reader.alphabet.unknown(sentence)
    return " ".join("".join(character for character in sentence if character not in unknown).split())


def priming(given: argparse.Namespace) -> None:
    """Section 5.5: a classifier of writers, which knows real lines only, asked about lines that the network wrote."""
    task = with_texts(given.model)
    found = lines_of_writers(task, held_out(task, given.data), given.writers, given.samples)
    lines = {writer: own[: given.samples] for writer, own in found.items()}
    learned = {writer: own[given.samples :][:LINES] for writer, own in found.items()}
    known = [(piece, writer) for writer, own in learned.items() for line in own for piece in pieces(task, line)]
    with tempfile.TemporaryDirectory() as scratch:
        arrays, labels = [piece for piece, _ in known], [writer for _, writer in known]
        judge = unspool.train("classifier", (arrays, labels), steps=given.steps, out=f"{scratch}/run", **JUDGE).model
        assert isinstance(judge, Classifier)
    print(
        f"{len(lines)} writers; the classifier learned {sum(map(len, learned.values()))} lines that prime nothing, ",
        end="",
    )
    print(f"in {len(known)} pieces of about {PIECE} characters\n")
    written: dict[str, list[tuple[str, Strokes]]] = {"real lines": [], "unprimed": [], "primed": []}
    adapted = f"primed, --adapt {given.adapt}"
    others: list[tuple[Sums, Sums]] = []
    for writer, own in lines.items():
        learned_from = task.adapted(Inks(own), given.adapt) if given.adapt else None
        if learned_from is not None:
            data = task.encoded_style(Inks(learned[writer]))
            others.append((sums_of(task, data), sums_of(learned_from, data)))
        for number, style in enumerate(own):
            text = known_part(task, SENTENCES[number % len(SENTENCES)])
            written["real lines"].append((writer, style))
            ways = [("unprimed", task, None), ("primed", task, style)]
            if learned_from is not None:
                ways.append((adapted, learned_from, style))
            for kind, model, hand in ways:
                place = len(written.setdefault(kind, []))
                asked = {"bias": given.bias, "seed": given.seed, "first": place}
                written[kind].append((writer, next(model.lines(text, style=hand, **asked)).strokes))
    rows: list[list[object]] = []
    for kind, samples in written.items():
        right = [recognised(judge, task, strokes) == writer for writer, strokes in samples]
        rows.append([kind, len(right), f"{100 * statistics.mean(right):.0f} %"])
    print_table(["lines", "count", "taken for those of the writer"], rows)
    if others:
        before, after = (added(sums) for sums in zip(*others, strict=True))
        changed = (after.nats - before.nats) / before.points
        worse = sum(after.nats > before.nats for before, after in others)
        print(
            f"\non {before.lines} other lines of theirs --adapt {given.adapt} changes the loss by {changed:+.3f} ",
            end="",
        )
        print(f"nats a point; it rises for {worse} of {len(others)} writers")
    if given.page is not None:
        pairs = zip(written["real lines"], written[adapted if given.adapt else "primed"], strict=True)
        ink = [[line] for (_, real), (_, sample) in pairs for line in (in_sizes(task, real), sample)]
        write_pages(ink[: 4 * given.writers], given.page, Page())


def lines_of_writers(task: Handwriting, held: Inks, writers: int, samples: int) -> dict[str, list[Strokes]]:
    """Lines of those who wrote most, in a drawn order, words of a writer side by side; the first are for priming."""
    kept: dict[str, list[Strokes]] = defaultdict(list)
    for normalised, _ in task.reader.normaliser.apply(held):  # each by the size and slant of its writer
        if normalised.writer is not None and task.reader.verdict(normalised) is None:
            kept[normalised.writer].append(normalised)
    most = sorted(kept, key=lambda writer: (-len(kept[writer]), writer))[:writers]
    draw = np.random.default_rng(0)
    found = {writer: in_lines([kept[writer][int(n)] for n in draw.permutation(len(kept[writer]))]) for writer in most}
    if len(found) < writers or min(map(len, found.values())) < 2 * samples:
        raise SystemExit(f"{writers} writers with {2 * samples} lines each are needed; lower --writers or --samples")
    return found


def in_lines(samples: Sequence[Strokes]) -> list[Strokes]:
    """Normalised samples in their order as lines of at least `LINE` characters."""
    found: list[Strokes] = []
    line: list[Strokes] = []
    for sample in samples:
        line.append(sample)
        if sum(len(str(one.text)) for one in line) >= LINE:
            found.append(side_by_side(line, len(found)))
            line = []
    return found


def in_sizes(task: Handwriting, sample: Strokes) -> Strokes:
    """A line as the network sees it, measured alone."""
    return next(task.reader.normaliser.apply([sample])).strokes


def pieces(task: Handwriting, line: Strokes) -> list[NDArray[np.float32]]:
    """Offsets [T, 3] of parts of a line that overlap, of real and of written lines alike."""
    rows = task.reader.normaliser.encode(in_sizes(task, line))
    length, stride = (round(task.pace.per_character * characters) for characters in (PIECE, STRIDE))
    starts = range(0, max(1, len(rows) - length + stride), stride)
    return [rows[start : start + length] for start in starts]


def recognised(judge: Classifier, task: Handwriting, sample: Strokes) -> str:
    """Whose hand all pieces of a line together are taken for."""
    found = judge.predict(pieces(task, sample))
    logs = sum(np.log(np.asarray(one.probabilities) + 1e-9) for one in found)
    return str(judge.classes[int(np.argmax(logs))])


if __name__ == "__main__":
    main()
