"""How a language model reads its data: options to what the data layer knows."""

from __future__ import annotations

from typing import Any

from unspool.data.builtin import builtin_labelled, builtin_text
from unspool.data.corpus import Corpus, Learning, read_corpus
from unspool.data.documents import Layout
from unspool.data.vocabulary import Vocabulary
from unspool.tasks.holdout import listed
from unspool.tasks.language.options import LanguageOptions


def read_text(options: LanguageOptions, data: Any, vocabulary: Vocabulary | None = None, grow: bool = False) -> Corpus:
    """Read data as the options say; None and an empty list are the built-in text.

    With `grow` the vocabulary takes in symbols and labels that it does not know.
    """
    layout = Layout(options.documents, options.column, options.condition, options.seed)
    learning = Learning(options.min_count, options.vocabulary_size, grow)
    items = listed(data)
    if items is None or (isinstance(items, list | tuple) and not items):
        items = builtin_labelled() if layout.tabular else [builtin_text(options.corpus)]
    return read_corpus(items, options.unit, vocabulary, options.unknown, layout=layout, learning=learning)
