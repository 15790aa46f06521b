"""Whether what a handwriting model writes can be read: `python benchmarks/readability.py HANDWRITING TRANSCRIBER DATA`.

Texts of DATA's held-out writers (those that the transcriber was not trained on) are written by the handwriting model at
each bias and read by the transcriber; beside them the same texts as their writers wrote them. As a control, what was
read is also held against the texts of other samples, which should be wrong nearly everywhere.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np
from command import print_place, print_table

import unspool
from unspool.data.pen.alphabet import written
from unspool.data.pen.strokes import Inks, Strokes
from unspool.tasks.pen.handwriting import Handwriting
from unspool.tasks.transcribing.measures import error_rates
from unspool.tasks.transcribing.search import Search
from unspool.tasks.transcribing.transcriber import Transcriber, held_out

BIASES = (0.0, 0.5, 1.0, 2.0)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("handwriting")
    parser.add_argument("transcriber")
    parser.add_argument("data")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--beam", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    writer, reader = unspool.load(given.handwriting), unspool.load(given.transcriber)
    assert isinstance(writer, Handwriting) and isinstance(reader, Transcriber)
    real = chosen(writer, reader, given.data, given.count, given.seed)
    texts = [written(str(sample.text)) for sample in real]
    others = list(np.random.default_rng(given.seed).permutation(texts))
    print_place()
    rows = [row("as people wrote them", real, reader, texts, others, given.beam)]
    for bias in BIASES:
        began = time.monotonic()
        made = [in_hand(writer, text, bias, given.seed, number) for number, text in enumerate(texts)]
        told = f"written at bias {bias:g}, in {time.monotonic() - began:.0f} s"
        rows.append(row(told, made, reader, texts, others, given.beam))
    header = ["texts", "samples", "character error rate", "word error rate", "against shuffled texts"]
    print_table(header, rows)


def chosen(writer: Handwriting, reader: Transcriber, data: str, count: int, seed: int) -> Inks:
    """Some samples of held-out writers whose text both models know."""
    held = held_out(reader, data)
    alphabet = writer.reader.alphabet
    assert alphabet is not None and isinstance(held.items, Inks)
    known = [
        place
        for place, text in enumerate(held.texts)
        if text and written(text) and not alphabet.unknown(text) and not reader.targets.unknown([text])
    ]
    places = np.random.default_rng(seed).permutation(known)[:count]
    return held.items.select(np.sort(places))


def in_hand(writer: Handwriting, text: str, bias: float, seed: int, number: int) -> Strokes:
    """One sample of a text, each by a writer of its own."""
    (line,) = writer.write(text, bias=bias, seed=seed, number=number, line_length=max(1, len(text)))
    return Strokes(line.points, line.last, text=text, writer=f"written {number}")


def row(
    name: str, samples: Sequence[Strokes], reader: Transcriber, texts: list[str], others: list[str], beam: int
) -> list[object]:
    """Error rates of what is read against what was meant, and against other texts."""
    read = [found.text for found in reader.transcribe(samples, Search(beam))]
    rates = error_rates(texts, read)
    control = error_rates(others, read)["character_error_rate"]
    return [name, len(texts), rates["character_error_rate"], rates["word_error_rate"], control]


if __name__ == "__main__":
    main()
