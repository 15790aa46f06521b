"""How many characters and words of a text were read wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from unspool.data.pen.alphabet import written
from unspool.errors import MissingExtra


def error_rates(said: Sequence[str], read: Sequence[str]) -> dict[str, float]:
    r"""Return the character and the word error rate over all texts together.

    .. math:: (S + D + I) / N

    with the substitutions, deletions and insertions of the shortest edit from what was said to what was read, and N
    the characters (words) of what was said; insertions can make it more than 1. Worked out by jiwer. Beside them the
    share of texts read without an error. All texts count as they are written (`written`): one blank between words.

    Raises:
        MissingExtra: jiwer is not installed.
    """
    jiwer = _jiwer()
    spoken, found = ([written(text) for text in texts] for texts in (said, read))
    return {
        "character_error_rate": float(jiwer.cer(spoken, found)),
        "word_error_rate": float(jiwer.wer(spoken, found)),
        "exact_match": sum(map(str.__eq__, spoken, found)) / len(spoken),
    }


def commonest(training: Sequence[str], held: Sequence[str]) -> dict[str, float]:
    """Return the character error rate of who always says the training texts' commonest."""
    text = Counter(training).most_common(1)[0][0]
    return {"the commonest text, character error rate": error_rates(held, [text] * len(held))["character_error_rate"]}


def _jiwer() -> Any:
    try:
        import jiwer
    except ImportError as error:
        raise MissingExtra("error rates need jiwer; pip install 'unspool[transcripts]'") from error
    return jiwer
