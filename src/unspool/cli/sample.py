"""`unspool sample RUN`: new texts from a language model, a page from a handwriting model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any, Final, Literal

from cyclopts import Parameter

from unspool.cli.sample_text import TextRequest
from unspool.cli.settings import Flat, Machine
from unspool.errors import SpecError
from unspool.ink.options import Page
from unspool.sampling import Sampling
from unspool.spec import Between, check, hints_of
from unspool.tasks.language.writing import Writing
from unspool.tasks.pen.request import PenRequest

TEXTS: Final = Parameter(name="*", group="Of a language model")
PENS: Final = Parameter(name="*", group="Of a handwriting model")
PAGES: Final = Parameter(name="*", group="The page of a handwriting model")


@dataclass(frozen=True)
class Shared:
    """Flags for models of both kinds."""

    seed: Annotated[int, Between(0, 2**64 - 1)] = 0
    """Seed of the random numbers."""
    count: Annotated[int, Between(1)] = 1
    """How many samples; each depends on the seed and its own number only. With --beam, how many of the best."""
    echo: bool = True
    """Repeat the prompt before the sample, or the strokes that a pen without texts goes on after."""
    weights: Literal["f32", "bf16", "int8"] = "f32"
    """Compute with float32 weights, or on a CPU with bfloat16 or bytes, which are faster and a little off."""
    json: bool = False
    """Print one JSON object: symbols with log-probabilities, or strokes."""
    output: str | None = None
    """Write to this file: text or a page in colours (.txt, .html); handwriting (.svg, .png, .gcode, .nc, .json)."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class TextWriting(Writing):
    """How a text is written, but for what models of both kinds share."""

    seed: Annotated[int, Parameter(parse=False)] = 0
    weights: Annotated[Literal["f32", "bf16", "int8"], Parameter(parse=False)] = "f32"


# cyclopts looks them up in the module of the class, where the type of an inherited field may be unknown
TextWriting.__init__.__annotations__ |= hints_of(TextWriting)


def sample(
    run: str,
    text: str | None = None,
    *,
    shared: Annotated[Shared, Flat] = Shared(),
    request: Annotated[TextRequest, TEXTS] = TextRequest(),  # noqa: B008 (frozen)
    writing: Annotated[TextWriting, TEXTS] = TextWriting(),
    sampling: Annotated[Sampling, TEXTS] = Sampling(),  # noqa: B008 (frozen)
    pen: Annotated[PenRequest, PENS] = PenRequest(),  # noqa: B008 (frozen)
    page: Annotated[Page, PAGES] = Page(),  # noqa: B008 (frozen)
    machine: Annotated[Machine, Flat] = Machine(),  # noqa: B008 (frozen)
) -> None:
    """Write: text with a language model, as it is made; by hand with a handwriting model, on a page.

    Parameters
    ----------
    run
        Run folder, model file, or the name of a model that comes with unspool.
    text
        What a handwriting model writes; - is standard input. A line end begins a new line.
    """
    from unspool.cli.models import open_model
    from unspool.tasks.language.language import Language
    from unspool.tasks.pen.handwriting import Handwriting

    machine.apply()
    model = open_model(run, machine.device)
    texts, pens = [request, writing, sampling], [pen, page]
    if isinstance(model, Language):
        from unspool.cli.sample_text import sample_text

        if text is not None:
            raise SpecError(f"a language model goes on from a prompt, got the text {text!r}; put --prompt before it")
        _refuse(pens, f"handwriting models, but {run} is a language model")
        whole = Writing(**{**asdict(writing), "seed": shared.seed, "weights": shared.weights})
        sample_text(model, run, shared, request, whole, sampling)
    elif isinstance(model, Handwriting):
        from unspool.cli.sample_pen import sample_pen

        _refuse(texts, f"language models, but {run} is a handwriting model")
        sample_pen(model, run, text, shared, pen, page)
    else:
        raise SpecError(
            f"this verb needs a language model or a handwriting model, {run} is a {model.name}; "
            "try unspool predict or evaluate"
        )


def _refuse(groups: list[Any], whose: str) -> None:
    """Refuse flags that have been set although the model has no use for them."""
    odd = [name for group in groups for name in _changed(group)]
    if odd:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in odd)
        raise SpecError(
            f"{flags} {'is' if len(odd) == 1 else 'are'} for {whose}; leave {'it' if len(odd) == 1 else 'them'} out"
        )


def _changed(options: Any) -> list[str]:
    defaults: Mapping[str, Any] = {field.name: field.default for field in fields(options)}
    return [name for name, value in asdict(options).items() if value != defaults[name]]
