"""Every failure that a user can cause is one of these: the rule, what came, what to do."""

from __future__ import annotations


class UnspoolError(Exception):
    """A failure explained in one sentence; the command line prints it without a traceback and exits with 1."""


class DataError(UnspoolError, ValueError):
    """A file, text, table or array that cannot be used as data."""


class ShapeError(UnspoolError, ValueError):
    """A tensor or array whose shape does not fit."""


class SpecError(UnspoolError, ValueError):
    """An option or combination of options that does not exist; wrong usage, exit status 2."""


class CheckpointError(UnspoolError):
    """A run or model file that is missing, cut short, of a later version, or not ours."""


class TrainingError(UnspoolError):
    """Training that cannot go on."""


class MissingExtra(UnspoolError, ImportError):
    """An optional library that this feature needs; the sentence holds the pip command."""
