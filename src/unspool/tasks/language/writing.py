"""What a language model is asked to write. Free of torch: the command line reads its flags from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any, Literal

from unspool.errors import SpecError
from unspool.sampling import Sampling
from unspool.spec import Between, check, unknown_name


@dataclass(frozen=True)
class Writing:
    """Where a text begins and ends, what it may hold, and whether it is drawn or searched for."""

    length: Annotated[int | None, Between(0)] = 400
    """Symbols to write at most; --length 0, in Python None, goes on without end."""
    seed: int = 0
    """Seed of the random numbers."""
    stop: str = ""
    """End before this text."""
    until: Literal["length", "line", "document"] | None = None
    """End early, at the end of the line or document; the document's where the model learned documents."""
    label: str | None = None
    """Write a text of this kind, for a model that was trained with labels."""
    alphabet: str = ""
    """Write with the symbols of this text only."""
    raw: bool = False
    """Write the bytes of a byte model as they come, valid UTF-8 or not."""
    weights: Literal["f32", "bf16", "int8"] = "f32"
    """Compute with float32 weights, or with bfloat16 or bytes, which are faster and a little off."""
    beam: Annotated[int, Between(0, 10_000)] = 0
    """Search for the likeliest texts, keeping so many beginnings at each step, in place of sampling; 0 samples."""
    length_penalty: Annotated[float, Between(0)] = 0.0
    """Beam search divides a text's log-probability by ((5 + length) / 6) to this power; above 0 favours long texts."""

    def __post_init__(self) -> None:
        check(self)


def asked(options: Mapping[str, Any]) -> tuple[Writing, Sampling]:
    """Return keyword arguments as the two dataclasses they are options of.

    Raises:
        SpecError: there is no such option, its value is out of bounds, or two of them exclude each other.
    """
    known = {kind: {field.name for field in fields(kind)} for kind in (Writing, Sampling)}
    for name in options:
        if not any(name in names for names in known.values()):
            raise SpecError(unknown_name("option of writing", name, set().union(*known.values())))
    writing, sampling = (
        kind(**{name: value for name, value in options.items() if name in names}) for kind, names in known.items()
    )
    assert isinstance(writing, Writing) and isinstance(sampling, Sampling)
    check_together(writing, sampling)
    return writing, sampling


def check_together(writing: Writing, sampling: Sampling) -> None:
    """Refuse options that exclude each other."""
    if writing.beam:
        defaults, chosen = asdict(Sampling(block_ngrams=sampling.block_ngrams)), asdict(sampling)
        odd = [f"--{name.replace('_', '-')}" for name, value in chosen.items() if value != defaults[name]]
        if odd:
            raise SpecError(f"--beam searches for the likeliest text and takes no {' or '.join(odd)}; leave one out")
        if writing.length is None:
            raise SpecError("--beam returns texts that have ended, so it needs a --length; give one")
    elif writing.length_penalty:
        raise SpecError(f"--length-penalty {writing.length_penalty:g} belongs to --beam K; add it, or leave this out")
    if sampling.penalty_window and sampling.repetition_penalty == 1:
        raise SpecError("--penalty-window belongs to --repetition-penalty; add it, or leave this out")
