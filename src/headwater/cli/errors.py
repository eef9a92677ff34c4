"""How the command line tells of an error: a message on stderr, a JSON document on request, an exit code."""

from __future__ import annotations

import traceback
from typing import Any

import click

from headwater.core.errors import HeadwaterError

__all__ = ["error_to_dict", "report_error"]

_WRONG_USAGE = 2
_BROKE = 3
_SHOWN = 20


def report_error(error: Exception, *, as_json: bool, debug: bool) -> int:
    """Print an error and return the exit code.

    Parameters
    ----------
    error : Exception
        Any error.
    as_json : bool
        Also print it on stdout, as ``{"error": {"type", "message", …facts}}``.
    debug : bool
        Print the traceback too.

    Returns
    -------
    int
        2 where the user can mend the request, 3 where the tool broke, 1 where the data did not pass.
    """
    if as_json:
        from headwater.cli.console import print_json

        print_json({"error": error_to_dict(error)})
    if debug:
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    _explain(error, debug=debug, with_facts=not as_json)
    if isinstance(error, HeadwaterError):
        return error.exit_code
    is_wrong_path = isinstance(error, OSError) and error.filename is not None
    return _WRONG_USAGE if is_wrong_path else _BROKE


def error_to_dict(error: Exception) -> dict[str, Any]:
    """Return an error as JSON-able fields: its type, its message and its facts."""
    if isinstance(error, HeadwaterError):
        return {"type": type(error).__name__, "message": error.message, **error.facts}
    if isinstance(error, click.ClickException):
        return {"type": "UsageError", "message": error.format_message()}
    return {"type": type(error).__name__, "message": _words(error)}


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, HeadwaterError) and error.filename:
        return f"{error.filename}: {error.strerror}."
    return str(error)


def _explain(error: Exception, *, debug: bool, with_facts: bool) -> None:
    from headwater.cli.console import console

    err = console(stderr=True)
    known = isinstance(error, HeadwaterError)
    message = _words(error) if known or isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    err.print("Error:", style="bold red", end=" ")
    err.print(message, markup=False, highlight=False, soft_wrap=not err.is_terminal)
    if not known and not isinstance(error, OSError):
        err.print(
            "This is a fault in Headwater, not in what you asked for. "
            + ("" if debug else "Run `hw --debug …` for the traceback, and please report it."),
            style="dim",
        )
    conflicts = getattr(error, "facts", {}).get("conflicts")
    if with_facts and conflicts is not None:
        from headwater.cli.tables import data_table

        err.print(data_table(conflicts.slice(0, _SHOWN), width=err.width))
        if conflicts.num_rows > _SHOWN:
            err.print(f"… {conflicts.num_rows - _SHOWN:,} more; --json lists all.", style="dim")
