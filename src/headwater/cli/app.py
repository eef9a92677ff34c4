"""What every command shares: the session, `--json`, help with examples, errors and exit codes."""

from __future__ import annotations

import difflib
import functools
import importlib
import inspect
import io
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from headwater.cli.errors import report_error
from headwater.core.progress import SILENT, Progress

if TYPE_CHECKING:
    from rich.console import Console

    from headwater.api import Repo
    from headwater.engine.base import Executor

__all__ = ["Command", "Group", "Root", "Session", "command", "group"]

_INTERRUPTED = 130


class Session:
    """One run of the command line: which repository, how to answer, what went to whom.

    Results go to stdout, as text for people or as one JSON document; everything else goes to stderr.
    """

    def __init__(self) -> None:
        self.location = "."
        self.is_named = False
        self.as_json = False
        self.debug = False
        self.quiet = False
        self.engine = "local"
        self.workers: int | None = None
        self.is_engine_asked = False

    def repo(self) -> Repo:
        """Open the repository that ``-C`` names, or the one around the current directory."""
        from headwater import api

        repo = api.open(self.location)
        repo.progress = self.progress
        repo.listeners.append(self._hear)
        return repo

    def _hear(self, event: Mapping[str, Any]) -> None:
        """Tell of what a gate let pass because the branch had it before."""
        if event["event"] != "warned":
            return
        for one in event["findings"]:
            column = f".{one['column']}" if one.get("column") else ""
            self.say(f"Warning: {one['check']} {one['dataset']}{column} was there before: {one['message']}")

    @functools.cached_property
    def executor(self) -> Executor:
        """What does the work on chunks, as ``--engine`` and ``--workers`` say."""
        from headwater.engine.named import executor_of

        return executor_of(self.engine, self.workers)

    @functools.cached_property
    def progress(self) -> Progress:
        """Bars on a terminal, silence elsewhere."""
        if self.quiet or self.as_json or not sys.stderr.isatty():
            return SILENT
        from headwater.cli.progress import Bars

        return Bars()

    @functools.cached_property
    def out(self) -> Console:
        """The console of results."""
        from headwater.cli.console import console

        return console()

    @functools.cached_property
    def err(self) -> Console:
        """The console of messages."""
        from headwater.cli.console import console

        return console(stderr=True)

    def show(self, value: Any, render: Callable[[Console], None]) -> None:
        """Print a result: ``value`` as JSON if asked for, else what ``render`` draws."""
        if self.as_json:
            from headwater.cli.console import print_json

            print_json(value)
        else:
            render(self.out)

    def say(self, message: str) -> None:
        """Tell the user something that is no part of the result."""
        if not (self.quiet or self.as_json):
            self.err.print(message, markup=False, highlight=False)

    def next(self, *steps: str) -> None:
        """Say which commands make sense now."""
        if self.quiet or self.as_json or not steps:
            return
        from rich.text import Text

        from headwater.cli.options import shell_word

        place = "" if self.location == "." else f"-C {shell_word(self.location)} "
        text = Text("Next: ", style="dim")
        for number, step in enumerate(steps):
            text.append("\n      " if number else "").append(
                step.replace("hw ", f"hw {place}"), style="bold cyan"
            )
        self.err.print(text, soft_wrap=True)


class Command(click.Command):
    """A command whose docstring may end with a section ``Examples``, shown as written."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help without its examples."""
        text, _ = split_examples(self.help)
        if text:
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(text)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, below the options."""
        write_examples(self.help, formatter)

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the first sentence, cut to ``limit`` characters."""
        return first_sentence(self.help, limit)


class Group(click.Group):
    """A command with commands of its own."""

    command_class = Command

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help without its examples."""
        Command.format_help_text(self, ctx, formatter)  # type: ignore[arg-type]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, below the options."""
        write_examples(self.help, formatter)

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the first sentence, cut to ``limit`` characters."""
        return first_sentence(self.help, limit)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order in which they were written."""
        return list(self.commands)


class Root(Group):
    """The command ``hw``: finds each command's module when it is needed, and ends with the right exit code.

    Parameters
    ----------
    sections : mapping
        Title of a part of the help → name of a command → where it is, as ``"module:attribute"``.
    habits : mapping
        Names that people know from elsewhere, each with what to say.
    """

    def __init__(
        self, *args: Any, sections: Mapping[str, Mapping[str, str]], habits: Mapping[str, str], **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.sections = sections
        self.habits = habits

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in the order of the sections."""
        return [name for section in self.sections.values() for name in section]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command; None if there is none of that name."""
        for section in self.sections.values():
            if cmd_name in section:
                module, _, attribute = section[cmd_name].partition(":")
                found: click.Command = getattr(importlib.import_module(module), attribute)
                return found
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments ask for, or say which one may be meant."""
        if not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = self.habits.get(args[0]) or (f"Did you mean 'hw {near[0]}'?" if near else "")
            ctx.fail(f"There is no command {args[0]!r}. {hint or '`hw --help` lists them.'}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, section by section."""
        width = max(len(name) for name in self.list_commands(ctx))
        for title, section in self.sections.items():
            rows = []
            for name in section:
                found = self.get_command(ctx, name)
                assert found is not None, name
                rows.append((name.ljust(width), found.get_short_help_str(formatter.width - width - 4)))
            with formatter.section(title):
                formatter.write_dl(rows)

    def main(  # type: ignore[override]  # one of its overloads never returns
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> Any:
        """Run a command and exit: 0 passed, 1 findings at fail, 2 wrong usage, 3 the tool broke."""
        words = list(sys.argv[1:] if args is None else args)
        options = words[: words.index("--")] if "--" in words else words
        session = Session()
        _never_fail_to_print()
        standalone = extra.pop("standalone_mode", True)
        try:
            code = super().main(args, prog_name or "hw", standalone_mode=False, obj=session, **extra)
        except click.Abort:
            click.echo("Interrupted.", err=True)
            code = _INTERRUPTED
        except Exception as error:
            if not standalone:
                raise
            code = report_error(error, as_json="--json" in options, debug=session.debug)
        if standalone:
            sys.exit(code if isinstance(code, int) else 0)
        return code


def _never_fail_to_print() -> None:
    """Replace characters that the terminal's encoding lacks, rather than stop."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="replace")


def command(name: str) -> Callable[[Callable[..., None]], Command]:
    """Return a decorator that makes a command of a function.

    The function's first argument is the `Session`; the command gets the option ``--json``.
    """

    def decorate(function: Callable[..., None]) -> Command:
        @functools.wraps(function)
        @click.pass_obj
        def run(session: Session, /, as_json: bool, **values: Any) -> None:
            session.as_json = session.as_json or as_json
            function(session, **values)

        flag = click.Option(["--json", "as_json"], is_flag=True, help="Print the result as JSON.")
        given = list(getattr(function, "__click_params__", []))
        run.__click_params__ = [flag, *given]  # type: ignore[attr-defined]
        return click.command(name, cls=Command)(run)

    return decorate


def group(name: str) -> Callable[[Callable[..., None]], Group]:
    """Return a decorator that makes a group of commands of a function without arguments."""
    return click.group(name, cls=Group)


def split_examples(help_text: str | None) -> tuple[str, list[str]]:
    """Return a docstring's text and the lines of its examples."""
    text, _, examples = inspect.cleandoc(help_text or "").partition("\nExamples\n--------\n")
    return text.strip(), [line for line in examples.strip("\n").splitlines() if line.strip()]


def write_examples(help_text: str | None, formatter: click.HelpFormatter) -> None:
    """Write the examples of a docstring, each on its line."""
    lines = split_examples(help_text)[1]
    if lines:
        with formatter.section("Examples"):
            for line in lines:
                formatter.write(f"{' ' * formatter.current_indent}{line.strip()}\n")


def first_sentence(help_text: str | None, limit: int) -> str:
    """Return the first sentence of a docstring without its full stop, cut to ``limit`` characters."""
    line = split_examples(help_text)[0].partition("\n\n")[0].replace("\n", " ")
    sentence = line.partition(". ")[0].rstrip(".")
    return sentence if len(sentence) <= limit else sentence[: limit - 1].rstrip() + "…"
