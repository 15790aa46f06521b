"""Runs the steps of one page of the docs, in order, in one process and one folder.

The process is a fork of one that has torch loaded, and so is each `unspool ...` between a pipe and a redirection, so
that torch is loaded once for all pages and not once a line; every other line goes to bash. Python blocks share their
names, as a reader's session would.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.training.processes import fork_of_server

PLAIN = r"unspool [^|&;<>$`*?~{}()\\]*"
COMMAND = re.compile(rf"(?:(?P<before>.*) \| )?(?P<command>{PLAIN}?)(?: > (?P<file>[\w.-]+))?", re.DOTALL)
LONGEST = 60  # seconds for one line in bash; it hangs otherwise where it waits for a person


def run_page(steps: Sequence[Mapping[str, str]], folder: Path, environment: Mapping[str, str], seconds: float) -> str:
    """Run them, and return what was told about the first that failed, "" if none did."""
    output = folder.with_name("output")
    process = fork_of_server(page, (list(steps), str(folder), dict(environment), str(output)))
    process.join(seconds)
    if process.exitcode is None:
        process.kill()
        process.join()
    told = output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""
    return "" if process.exitcode == 0 else f"exit status {process.exitcode}\n{told[-5000:]}"


def page(steps: list[dict[str, str]], folder: str, environment: dict[str, str], output: str) -> None:
    """What runs in the process; both standard streams go to a file."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    to_file(output, 1, 2)
    names: dict[str, Any] = {"__name__": "__main__"}
    for step in steps:
        print(f"--- {step['where']}: {step['text']}", file=sys.stderr, flush=True)
        status = run(step, names)
        sys.stdout.flush()
        if status != 0:
            sys.exit(f"{step['where']}: exit status {status} of: {step['text']}")


def run(step: Mapping[str, str], names: dict[str, Any]) -> int:
    if step["kind"] == "python":
        exec(compile(step["text"], step["where"], "exec"), names)
        return 0
    found = COMMAND.fullmatch(step["text"])
    if found is None:
        return bash(step["text"])
    before, command, file = found.group("before", "command", "file")
    return unspool(command) if before is None and file is None else between(before, command, file)


def unspool(line: str) -> int:
    from unspool.cli.main import main

    sys.argv = shlex.split(line, comments=True)
    try:
        return main() or 0
    except SystemExit as end:
        return int(end.code or 0) if not isinstance(end.code, str) else 1


def between(before: str | None, line: str, file: str | None) -> int:
    """`before | line > file`, either of which may be absent: the line in a fork of this process."""
    given = None
    if before is not None:
        given = subprocess.Popen(shell(before), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        if given is not None and given.stdout is not None:
            os.dup2(given.stdout.fileno(), 0)
            sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
        if file is not None:
            to_file(file, 1)
        status = unspool(line)
        sys.stdout.flush()
        os._exit(status)
    if given is not None and given.stdout is not None:
        given.stdout.close()
    _, ended = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(ended) or (0 if given is None else given.wait(LONGEST))


def bash(line: str) -> int:
    return subprocess.run(shell(line), stdin=subprocess.DEVNULL, timeout=LONGEST, check=False).returncode


def shell(line: str) -> list[str]:
    return ["bash", "-euo", "pipefail", "-c", line]


def to_file(name: str, *descriptors: int) -> None:
    with open(name, "wb") as file:
        for descriptor in descriptors:
            os.dup2(file.fileno(), descriptor)
