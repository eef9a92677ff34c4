"""The command in a process of its own: start-up, terminals, pipes, colours, other encodings."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import headwater as hw

HEAVY = {"duckdb", "numpy", "pandas", "polars", "pyarrow", "pydantic", "rich", "sklearn"}


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "headwater.cli.main", *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, **environment},
        check=False,
    )


def test_help_takes_at_most_300_ms_of_cpu_and_loads_nothing_heavy() -> None:
    code = (
        "import os, sys\nfrom headwater.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        f"used = os.times(); print(used.user + used.system, *({HEAVY!r} & set(sys.modules)))"
    )
    last = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.splitlines()[-1]
        for _ in range(3)
    ]
    assert [line.split()[1:] for line in last] == [[], [], []]
    assert statistics.median(float(line.split()[0]) for line in last) <= 0.3


def test_the_command_runs_and_tells_its_version() -> None:
    done = run("--version")
    assert done.stdout == f"hw {hw.__version__}\n"
    assert done.returncode == 0


def test_a_file_that_is_piped_holds_no_colours_and_no_trailing_blanks(shop: hw.Repo) -> None:
    done = run("log")
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert all(line == line.rstrip() for line in done.stdout.splitlines())


def test_colours_can_be_forced_and_no_color_wins(shop: hw.Repo) -> None:
    assert "\x1b[33m" in run("log", FORCE_COLOR="1").stdout
    assert "\x1b[33m" not in run("log", FORCE_COLOR="1", NO_COLOR="1").stdout


def test_output_survives_an_encoding_without_arrows(shop: hw.Repo) -> None:
    done = run("diff", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert "Anne" in done.stdout
    assert (
        json.loads(run("status", "--json", PYTHONIOENCODING="ascii", PYTHONUTF8="0").stdout)["branch"]
        == "main"
    )


def test_an_error_is_json_on_stdout_and_a_sentence_on_stderr(folder: Path) -> None:
    done = run("status", "--json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["type"] == "NotFound"
    assert "Error: There is no repository" in done.stderr


def test_a_reader_that_stops_early_ends_the_command_quietly(shop: hw.Repo) -> None:
    command = f"{sys.executable} -m headwater.cli.main log | head -n 1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.stdout
    assert "Traceback" not in done.stderr
