"""What every command shares: help, examples, `--json`, hints, exit codes."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

import headwater as hw
from headwater.cli.app import first_sentence, split_examples
from headwater.cli.main import main
from tests.cli.conftest import Cli


def walk(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from walk(child, (*path, name))
    else:
        yield path, command


COMMANDS = dict(walk(main, ()))
IDS = [" ".join(path) for path in COMMANDS]


@pytest.mark.parametrize("path", COMMANDS, ids=IDS)
def test_every_command_has_help_json_and_an_example(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    text, examples = split_examples(command.help)
    assert text.endswith("."), "help is written in sentences"
    assert any("--json" in option.opts for option in command.params)
    assert examples
    assert all(line.startswith(("hw ", " ")) for line in examples)
    assert any(" ".join(path) in line for line in examples)


@pytest.mark.parametrize("path", COMMANDS, ids=IDS)
def test_every_option_says_what_it_does(path: tuple[str, ...]) -> None:
    options = [option for option in COMMANDS[path].params if isinstance(option, click.Option)]
    assert [option.name for option in options if not option.help] == []


@pytest.mark.parametrize("path", COMMANDS, ids=IDS)
def test_the_summary_of_every_command_fits_a_line_of_80(path: tuple[str, ...]) -> None:
    width = max(len(" ".join(path)) for path in COMMANDS if len(path) == 1)
    assert not first_sentence(COMMANDS[path].help, 80 - width - 4).endswith("…")


@pytest.mark.parametrize("path", COMMANDS, ids=IDS)
def test_the_examples_name_options_that_are_there(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)} | {
        "-C",
        "-",
    }
    lines = [line for line in split_examples(command.help)[1] if f"hw {' '.join(path)}" in line]
    used = {word for line in lines for word in shlex.split(line) if word.startswith("-")}
    assert used <= known


@pytest.mark.parametrize("path", COMMANDS, ids=IDS)
def test_help_is_shown_and_ends_with_examples(path: tuple[str, ...], cli: Cli) -> None:
    text = cli(*path, "--help").stdout
    assert text.startswith(f"Usage: hw {' '.join(path)}")
    assert "\nExamples:\n  hw " in text
    assert "--------" not in text


def test_help_lists_all_commands_by_section(cli: Cli) -> None:
    text = cli("--help").stdout
    lines = [line.split()[0] for line in text.splitlines() if line.startswith("  ") and line.strip()]
    assert {path[0] for path in COMMANDS} <= set(lines)
    assert "\nVersion:\n" in text


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("comit", "Did you mean 'hw commit'?"),
        ("checkout", "`hw switch BRANCH`"),
        ("xyzzy", "`hw --help` lists them."),
    ],
)
def test_an_unknown_command_is_answered_with_the_one_that_may_be_meant(
    word: str, hint: str, cli: Cli
) -> None:
    answer = cli(word, code=2)
    assert f"There is no command '{word}'. " in answer.stderr
    assert hint in answer.stderr


def test_without_a_repository_the_message_says_how_to_make_one(folder: Path, cli: Cli) -> None:
    assert "`hw init` makes one" in cli("log", code=2).stderr
    assert cli.json("log", code=2)["error"]["kind"] == "repository"


def test_hints_go_to_stderr_and_name_the_repository_that_was_named(shop: hw.Repo, cli: Cli) -> None:
    answer = cli("-C", ".", "branch", "new")
    assert answer.stdout.startswith("Made branch new")
    assert "Next: hw switch new" in answer.stderr
    other = Path("other place")
    assert "Next: hw -C 'other place' import" in cli("init", str(other)).stderr
    assert "Next: hw -C 'other place' import" in cli("-C", str(other), "status").stderr


def test_quiet_and_json_leave_hints_out(shop: hw.Repo, cli: Cli) -> None:
    assert cli("-q", "branch", "one").stderr == ""
    assert cli("branch", "two", "--json").stderr == ""


def test_the_repository_can_be_named_by_the_environment(
    shop: hw.Repo, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATER_REPO", str(Path.cwd()))
    monkeypatch.chdir(tmp_path)
    assert cli.json("status")["branch"] == "main"


def test_a_repository_is_found_from_a_folder_inside_it(
    shop: hw.Repo, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = Path("deep/inside")
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert cli.json("status")["branch"] == "main"


def test_a_wrong_option_is_json_too_when_asked_for(cli: Cli) -> None:
    answer = cli("log", "--json", "--nope", code=2)
    error = json.loads(answer.stdout)["error"]
    assert error["type"] == "UsageError"
    assert "--nope" in error["message"]


def test_an_interrupt_is_no_fault(cli: Cli, shop: hw.Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("headwater.versions.repo.Repo.log", interrupted)
    assert "Interrupted." in cli("log", code=130).stderr
