"""Texts written for a label, named by a classifier: `python benchmarks/conditional.py LANGUAGE_RUN CLASSIFIER_RUN`.

The language model was trained with --condition, the classifier on the same labelled texts. For each label as many texts
are written as the classifier's held-out data has (times --times), so that both accuracies are of the same mixture;
their means over labels are shown too. Texts that stand in the training data are counted, since copying is no writing.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np
from command import print_place, print_table

import unspool
from unspool.tasks.load import with_own_data


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("language")
    parser.add_argument("classifier")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--temperature", type=float, default=1.0)
    given = parser.parse_args()
    writer, judge = unspool.load(given.language), unspool.load(given.classifier)
    own = with_own_data(given.classifier, judge)
    real = own.metrics()
    confusion = np.array(real["confusion"])  # row: the true class
    own_text = with_own_data(given.language, writer)
    known = set(own_text.vocabulary.decode(own_text.train_ids).split("\n"))
    found: dict[str, list[bool]] = {}
    copies: Counter[str] = Counter()
    for number, label in enumerate(judge.classes):
        count = int(confusion[number].sum()) * given.times
        if not count:
            continue
        texts = writer.sample(
            label=label, count=count, length=100, echo=False, until="document", temperature=given.temperature
        )
        texts = [text.strip() or "?" for text in texts]
        found[label] = [answer.label == label for answer in judge.predict(texts)]
        copies[label] = sum(text in known for text in texts)
    right = [hit for hits in found.values() for hit in hits]
    print_place()
    rows = [
        [label, len(hits), float(np.mean(hits)), _recall(confusion, judge.classes.index(label)), copies[label]]
        for label, hits in found.items()
    ]
    print_table(["label", "written", "named so", "real texts named so", "copies of training texts"], rows)
    recalls = [row[3] for row in rows]
    written, accuracy = float(np.mean(right)), float(real["accuracy"])
    print(f"\nall: written {written:.4f}, real {accuracy:.4f}, ratio {written / accuracy:.3f}; ", end="")
    means = float(np.mean([row[2] for row in rows])), float(np.mean(recalls))
    print(f"mean over labels: {means[0]:.4f}, {means[1]:.4f}; copies {sum(copies.values()) / len(right):.1%}")


def _recall(confusion: np.ndarray, number: int) -> float:
    return float(confusion[number, number] / max(1, confusion[number].sum()))


if __name__ == "__main__":
    main()
