"""Runs the code blocks of a Markdown file, so that documentation which no longer works is a failing test.

- ``python`` blocks of one file share their names and run in order.
- ``console`` and ``bash`` blocks: lines that start with ``$ `` are commands, lines below a command are
  what it prints. Where such lines are given they must match; ``…`` or ``...`` stands for any text of a
  line, alone on a line for any number of lines. A ``bash`` block without ``$ `` is run as a script.
- A comment above a block says otherwise: ``<!-- not run -->``, ``<!-- needs: PACKAGE -->`` where an optional
  package is used, or ``<!-- exit: 1 -->`` where the last command of the block ends with that code.
"""

from __future__ import annotations

import importlib.util
import linecache
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\S*)[^\n]*\n(?P<body>.*?)^(?P=indent)```[ ]*$", re.MULTILINE | re.DOTALL
)
NOTES = re.compile(r"(?:<!--[^\n]*?-->\s*)+\Z")
ANY_LINES = r"(?:.*\n)*?"


@dataclass(frozen=True)
class Block:
    """A code block, with the line its code starts on and what the comment above it says."""

    language: str
    body: str
    line: int
    runs: bool = True
    exit_code: int = 0


@dataclass(frozen=True)
class Command:
    """A shell command and the output shown below it."""

    line: str
    shown: str = ""


def blocks(text: str) -> list[Block]:
    """Return the code blocks of a Markdown text, in order."""
    out = []
    for match in FENCE.finditer(text):
        notes = NOTES.search(text, 0, match.start())
        note = notes.group() if notes else ""
        code = re.search(r"exit: *(\d+)", note)
        needed = re.findall(r"needs: *(\w+)", note)
        out.append(
            Block(
                language=match["language"],
                body=re.sub(rf"(?m)^{match['indent']}", "", match["body"]),
                line=text.count("\n", 0, match.start("body")) + 1,
                runs="not run" not in note and all(importlib.util.find_spec(name) for name in needed),
                exit_code=int(code.group(1)) if code else 0,
            )
        )
    return out


def run(path: Path, folder: Path) -> int:
    """Run the blocks of ``path`` with ``folder`` as the working directory; return how many ran."""
    os.chdir(folder)
    names: dict[str, Any] = {"__name__": f"docs.{path.stem}"}
    done = 0
    for block in blocks(path.read_text()):
        if not block.runs:
            continue
        if block.language == "python":
            run_python(block, path, names)
        elif block.language in ("console", "bash"):
            run_console(block, path, folder)
        else:
            continue
        done += 1
    return done


def run_python(block: Block, path: Path, names: dict[str, Any]) -> None:
    """Run Python code; a traceback shows the lines of the Markdown file."""
    linecache.checkcache(str(path))
    code = compile("\n" * (block.line - 1) + block.body, str(path), "exec")
    exec(code, names)


def run_console(block: Block, path: Path, folder: Path) -> None:
    """Run commands one after the other; a ``cd`` lasts until the end of the file."""
    steps = commands(block)
    for number, step in enumerate(steps, start=1):
        state = folder / ".working-directory"
        script = f"trap 'pwd > \"{state}\"' EXIT\n{step.line}\n"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env=environment(),
            timeout=300,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        os.chdir(state.read_text().removesuffix("\n"))
        state.unlink()
        wanted = block.exit_code if number == len(steps) else 0
        where = f"{path.name}:{block.line}: {step.line}\n"
        assert done.returncode == wanted, f"{where}exit code {done.returncode}, not {wanted}:\n{done.stdout}"
        assert matches(step.shown, done.stdout), f"{where}shown:\n{step.shown}\nprinted:\n{done.stdout}"


def commands(block: Block) -> list[Command]:
    """Return the commands of a block, each with what is shown below it."""
    if block.language == "bash" and not re.search(r"(?m)^\$ ", block.body):
        return [Command(block.body)]
    out = []
    for part in re.split(r"(?m)^\$ ", block.body)[1:]:
        command = re.match(r"(?:.*\\\n)*.*", part)
        assert command is not None
        out.append(Command(command.group(), part[command.end() :].strip("\n")))
    assert out, f"the block at line {block.line} has no line that starts with '$ '"
    return out


def matches(shown: str, printed: str) -> bool:
    """Say whether printed text is what the documentation shows."""
    if not shown.strip():
        return True
    lines = (line.rstrip() for line in shown.splitlines())
    pattern = "".join(ANY_LINES if line.strip() in ("…", "...") else one_line(line) for line in lines)
    text = "".join(f"{line.rstrip()}\n" for line in printed.strip("\n").splitlines())
    return re.fullmatch(pattern, text) is not None


def one_line(line: str) -> str:
    """Return the pattern of one shown line."""
    return ".*?".join(re.escape(part) for part in re.split(r"…|\.\.\.", line)) + r"\n"


def environment() -> dict[str, str]:
    """Return the variables commands run with: this environment's programs first, plain output."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": programs, "NO_COLOR": "1", "COLUMNS": "100", "TERM": "dumb"}
