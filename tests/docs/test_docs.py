"""Every command and every Python block of the docs runs, in order, with shortened budgets, on small files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from tests.docs.examples import EXAMPLES, write_examples
from tests.docs.runner import run_page
from unspool.cli.main import VERBS, run
from unspool.tasks import TASKS

ROOT = Path(__file__).parents[2]
EXEMPT = {"benchmarks.md"}  # its tables take hours
PAGES = [
    page
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if page.exists() and page.name not in EXEMPT
]
NOT_RUN = {"make", "pip", "git", "cd"}
LANGUAGES = {"sh", "python", "text", "json"}

FENCE = re.compile(r"^```(?P<language>\S*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class Step:
    """One line for the shell or one block of Python, with the place it stands at."""

    kind: str
    text: str
    where: str


def steps(page: str, name: str) -> list[Step]:
    found = []
    for block in FENCE.finditer(page):
        first = page.count("\n", 0, block.start("body")) + 1
        body = block["body"]
        if block["language"] == "python":
            found.append(Step("python", shorten_python(body), f"{name}:{first}"))
        elif block["language"] == "sh":
            found += shell_lines(body, name, first)
    return found


def shell_lines(body: str, name: str, first: int) -> list[Step]:
    """The commands of a block; a backslash at the end of a line continues it, `$ ` in front is a prompt."""
    found = []
    pending = ""
    for number, line in enumerate(body.splitlines(), first):
        pending += line.strip().removeprefix("$ ")
        if pending.endswith("\\"):
            pending = pending.removesuffix("\\")
            continue
        if pending and not pending.startswith("#"):
            found.append(Step("sh", shorten_shell(pending), f"{name}:{number}"))
        pending = ""
    return found


def shorten_shell(line: str) -> str:
    """Four steps in place of minutes, epochs or many steps, and where a training command names no budget."""
    line = re.sub(r"--(minutes|epochs|steps)[ =][\d.]+", "--steps 4", line)
    if "--steps" in line or "--help" in line:
        return line
    return re.sub(r"\bunspool train \w+", r"\g<0> --steps 4", line)


def shorten_python(block: str) -> str:
    return re.sub(r"\b(minutes|epochs)=[\d.]+", "steps=4", re.sub(r"\bsteps=\d{3,}", "steps=4", block))


def command(step: Step) -> str:
    return step.text.split()[0]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A shell that finds this interpreter and this source as `python` and `unspool`."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, arguments in {"unspool": "-m unspool ", "python": "", "python3": ""}.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n', encoding="utf-8")
        (programs / name).chmod(0o755)
    path = [str(programs), str(Path(sys.executable).parent), os.environ["PATH"]]
    return {
        **os.environ,
        "PATH": os.pathsep.join(path),
        "PYTHONPATH": str(ROOT / "src"),
        "OMP_NUM_THREADS": "1",
        "MPLBACKEND": "agg",
        "NO_COLOR": "1",
        "COLUMNS": "200",
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_runs(page: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    to_run = [
        asdict(step)
        for step in steps(page.read_text(encoding="utf-8"), page.name)
        if step.kind == "python" or command(step) not in NOT_RUN
    ]
    if not to_run:
        return
    folder = tmp_path / "reader"
    folder.mkdir()
    write_examples(folder)
    failure = run_page(to_run, folder, environment, seconds=110)
    assert not failure, failure


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_is_well_fenced(page: Path) -> None:
    """A misspelt language would silently not run."""
    text = page.read_text(encoding="utf-8")
    assert len(re.findall(r"^\s*```", text, re.MULTILINE)) == 2 * len(FENCE.findall(text))
    assert {block["language"] for block in FENCE.finditer(text)} <= LANGUAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for step in steps(page.read_text(encoding="utf-8"), page.name):
        if step.kind == "sh" and command(step) == "make":
            assert set(step.text.split("#")[0].split()[1:]) <= targets, step.where


@pytest.mark.parametrize("task", TASKS)
def test_every_flag_is_documented(task: str, environment: dict[str, str]) -> None:
    if not (ROOT / "docs").is_dir():
        pytest.skip("there is no docs folder")
    shown = subprocess.run(
        [sys.executable, "-m", "unspool", "train", task, "--help"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    flags = set(FLAG.findall(shown)) - {"--help", "--version"}
    assert {"--out", "--seed"} <= flags, shown
    documented = set(FLAG.findall("\n".join(page.read_text(encoding="utf-8") for page in PAGES)))
    # --no-x is made from --x
    assert {flag for flag in flags - documented if flag.replace("--no-", "--") not in documented} == set()


COMMANDS = [
    *(["train", task] for task in TASKS),
    *([verb] for verb in VERBS if verb != "train"),
]
ARGUMENTS = {"--run", "--folder", "--data"}  # what has a place can be given by name too
VERB = re.compile(r"^## (?=[a-z])", re.MULTILINE)


def flags_of(command: list[str], capsys: pytest.CaptureFixture[str]) -> set[str]:
    """The flags that a command's help shows, the opposites of switches aside."""
    assert run([*command, "--help"]) == 0
    shown = set(FLAG.findall(capsys.readouterr().out)) - ARGUMENTS - {"--help", "--version"}
    return shown - {flag.replace("--", "--no-", 1) for flag in shown}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "200")  # of the help that is compared with it
    return (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_flag_stands_under_its_verb(command: list[str], page: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In its section of the page, or above the verbs, where the shared ones are."""
    shared, *sections = VERB.split(page)
    (section,) = [text for text in sections if command[0] in re.findall(r"[a-z]+", text.splitlines()[0])]
    flags = flags_of(command, capsys)
    assert "--json" in flags
    assert flags - set(FLAG.findall(shared + section)) == set()


def test_the_page_names_no_flag_that_is_none(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    flags = set().union(*(flags_of(command, capsys) for command in COMMANDS))
    told = {flag.replace("--no-", "--") for flag in FLAG.findall(page)}
    assert told - flags == {"--help", "--version", "--x"}


def test_steps_are_read_as_written() -> None:
    page = """Text.

```sh
# a comment
unspool train language shakespeare.txt --minutes 3 --out runs/bard  # remark

$ unspool sample runs/bard \\
    --length 20
unspool train language
```

```text
unspool is not run here
```

```python
unspool.train("language", minutes=3, hidden_size=8)
```
"""
    assert [(step.kind, step.text, step.where) for step in steps(page, "page.md")] == [
        ("sh", "unspool train language shakespeare.txt --steps 4 --out runs/bard  # remark", "page.md:5"),
        ("sh", "unspool sample runs/bard --length 20", "page.md:8"),
        ("sh", "unspool train language --steps 4", "page.md:9"),
        ("python", 'unspool.train("language", steps=4, hidden_size=8)\n', "page.md:17"),
    ]


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("```sh\ntest -f shakespeare.txt\n```", None),
        ("```sh\ntest -f unheard-of.txt\n```", "page.md:2: exit status 1"),
        ("```sh\nfalse | true\n```", "page.md:2: exit status 1"),
        ("```python\na = 1\n```\n```python\nassert a == 1\n```", None),
        ("```python\nassert False\n```", "AssertionError"),
        ("```sh\nunspool --version > version.txt\ntest -s version.txt\n```", None),
        ("```sh\ncat shakespeare.txt | unspool info - > told.txt\n```", "page.md:2: exit status 1"),
        ("```sh\nfalse | unspool --version\n```", "page.md:2: exit status 1"),
    ],
)
def test_a_wrong_page_is_red(page: str, complaint: str | None, tmp_path: Path, environment: dict[str, str]) -> None:
    path = tmp_path / "page.md"
    path.write_text(page + "\n", encoding="utf-8")
    if complaint is None:
        test_a_page_runs(path, tmp_path, environment)
        return
    with pytest.raises(AssertionError, match=complaint):
        test_a_page_runs(path, tmp_path, environment)


def test_examples_are_made(tmp_path: Path) -> None:
    write_examples(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(EXAMPLES)
    sizes = {path.name: path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()}
    assert all(200 < size < 40_000 for size in sizes.values()), sizes
