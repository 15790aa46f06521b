"""Runs the steps of one page of the docs, as JSON on standard input, in one process and one folder.

`unspool ...` without shell syntax is called here, so that torch is loaded once a page and not once a line;
every other line goes to bash. Python blocks share their names, as a reader's session would.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from typing import Any

PLAIN = re.compile(r"unspool [^|&;<>$`*?~{}()\\!]*")
LONGEST = 60  # seconds for one line in bash; it hangs otherwise where it waits for a person


def unspool(line: str) -> int:
    from unspool.cli.main import main

    sys.argv = shlex.split(line, comments=True)
    try:
        return main() or 0
    except SystemExit as end:
        return int(end.code or 0) if not isinstance(end.code, str) else 1


def bash(line: str) -> int:
    command = ["bash", "-euo", "pipefail", "-c", line]
    return subprocess.run(command, stdin=subprocess.DEVNULL, timeout=LONGEST, check=False).returncode


def run(step: dict[str, str], names: dict[str, Any]) -> int:
    if step["kind"] == "python":
        exec(compile(step["text"], step["where"], "exec"), names)
        return 0
    return unspool(step["text"]) if PLAIN.fullmatch(step["text"]) else bash(step["text"])


def main() -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    for step in json.load(sys.stdin):
        print(f"--- {step['where']}: {step['text']}", file=sys.stderr, flush=True)
        status = run(step, names)
        sys.stdout.flush()
        if status != 0:
            sys.exit(f"{step['where']}: exit status {status} of: {step['text']}")


if __name__ == "__main__":
    main()
