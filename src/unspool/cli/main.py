"""The command `unspool`: finds the verb, and turns failures into one sentence and an exit status."""

from __future__ import annotations

import gc
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter, UnknownOptionError, UnusedCliTokensError

from unspool import __version__
from unspool.cli import clock
from unspool.cli.settings import exact
from unspool.cli.signals import Interrupted
from unspool.cli.streams import DASH, use_utf8
from unspool.errors import SpecError, UnspoolError

USAGE, FAILURE, INTERRUPTED = 2, 1, 130
MARK = "\0-"  # how `-` travels through the parser, which would take it for an option; nobody can type a NUL
MEMORY = "there is not enough memory for this; use a smaller --hidden-size or --batch-size"

VERBS = {
    "train": "Train a network on your data, or on built-in data if none is given.",
    "resume": "Go on with a training exactly where it stopped.",
    "evaluate": "Measure a trained model on data.",
    "sample": "Write text with a trained language model, as it is made, or by hand with a handwriting model.",
    "predict": "Print what a model says of data without labels, or of a stream row by row.",
    "score": "Print how much each symbol of a text or row of a series surprises a model, in nats.",
    "probe": "Look inside a trained network: gradients through time, matrices, gates.",
    "export": "Write a trained model into one small file for others, with a card that says what it is.",
    "info": "Print what a model is: task, size, options, data, result.",
    "runs": "List the runs in a folder.",
    "doctor": "Check on this machine that all ways to compute a network agree.",
    "bench": "Time networks on this machine.",
}
USAGES = {"sample": "RUN [TEXT]"}  # where there are many flags: to work it out from them takes long

app = App(
    name="unspool",
    help="Train, generate with and look inside recurrent neural networks on your own sequences.",
    version=__version__,
    help_format="plaintext",
    default_parameter=Parameter(converter=exact),
    suppress_keyboard_interrupt=False,  # `run` tells what has come of it
)
for verb, summary in VERBS.items():  # by name, so that only the verb that is asked for is imported
    usage = {"usage": f"Usage: unspool {verb} [OPTIONS] {USAGES[verb]}"} if verb in USAGES else {}
    app.command(f"unspool.cli.{verb}:{'app' if verb == 'train' else verb}", name=verb, help=summary, **usage)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with 0 done, 1 a failure explained on standard error, 2 wrong usage."""
    clock.start()
    gc.set_threshold(50_000)  # reading flags makes many objects that live: fewer collections, sooner help
    use_utf8()
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    tokens = [MARK if token == DASH else token for token in arguments]
    try:
        command, bound, _ = app.parse_args(tokens, exit_on_error=False, print_error=False)
        bound.arguments = {name: _typed(value) for name, value in bound.arguments.items()}
        result = command(*bound.args, **bound.kwargs)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except CycloptsError as error:
        return _explain(_misread(error, arguments), USAGE)
    except SpecError as error:
        return _explain(str(error), USAGE)
    except UnspoolError as error:
        return _explain(str(error), FAILURE)
    except BrokenPipeError:  # the reader has had enough, as in `unspool sample ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return _explain(f"the operating system refused: {error}", FAILURE)
    except MemoryError:
        return _explain(MEMORY, FAILURE)
    except RuntimeError as error:  # how torch says it
        if "allocate memory" not in str(error) and "out of memory" not in str(error):
            raise
        return _explain(MEMORY, FAILURE)
    except Interrupted as error:
        return _explain(str(error), 128 + error.number)  # as a shell reports a signal
    except KeyboardInterrupt:
        return _explain("interrupted", INTERRUPTED)


def _typed(value: Any) -> Any:
    """Return a value of the parser with `-` as it was typed."""
    if isinstance(value, tuple):
        return tuple(map(_typed, value))
    if is_dataclass(value) and not isinstance(value, type):
        marked = [field.name for field in fields(value) if getattr(value, field.name) == MARK]
        return replace(value, **dict.fromkeys(marked, DASH)) if marked else value
    return DASH if isinstance(value, str) and value == MARK else value


def _misread(error: CycloptsError, given: Sequence[str]) -> str:
    """Return what the parser says, and what to do where it took a text for something else."""
    if isinstance(error.__cause__, SpecError):
        return str(error.__cause__)
    if isinstance(error, UnusedCliTokensError):
        words = " ".join(map(_typed, error.unused_tokens or []))
        verb = " ".join(["unspool", *(error.command_chain or [])])
        return f"{verb} has no use for {words!r}; put a text or a name of several words in quotes, or leave it out"
    if isinstance(error, UnknownOptionError):
        option = error.token.keyword or error.token.value
        if "--" in given and option in (word.split("=")[0] for word in given[given.index("--") :]):
            return f"options end at --, but {option} came behind it; put it before that"
        text = next((word for word in given if word.startswith(option)), option)
        if _is_text(text) and any("--text" in known.names for known in error.argument_collection):
            behind = "a text that begins with a dash stands behind an equals sign"
            return f"there is no option {text!r}; {behind}, as in --text={shlex.quote(text)}"
    if isinstance(error, MissingArgumentError) and error.keyword in given:
        text = next(iter(given[given.index(error.keyword) + 1 :]), "")
        if _is_text(text):
            behind = "a value that begins with a dash stands behind an equals sign"
            text = shlex.quote(text)
            return f"{behind}, got {error.keyword} {text}; write {error.keyword}={text}"
    return f"{str(error).strip()} (see unspool --help)"


def _is_text(word: str) -> bool:
    """Say whether what begins with a dash looks like no option."""
    return word.startswith("-") and (not word.startswith("--") or " " in word)


def _explain(sentence: str, status: int) -> int:
    print(f"unspool: {sentence.replace(MARK, DASH)}", file=sys.stderr)
    return status
