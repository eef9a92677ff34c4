"""Commands that list what there is: checks and transforms, each explained by its own documentation."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

import click

from headwater.cli.app import Session, command

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["checks", "describe", "show_catalog", "transforms"]

Kind = Literal["check", "transform"]


@command("checks")
@click.argument("name", required=False, metavar="[ID]")
def checks(session: Session, name: str | None) -> None:
    """List the checks, or explain one with its parameters.

    Examples
    --------
    hw checks
    hw checks completeness.null_fraction
    """
    show_catalog(session, "check", name)


@command("transforms")
@click.argument("name", required=False, metavar="[ID]")
def transforms(session: Session, name: str | None) -> None:
    """List the transforms, or explain one with its parameters.

    Examples
    --------
    hw transforms
    hw transforms clean.values
    """
    show_catalog(session, "transform", name)


def show_catalog(session: Session, kind: Kind, name: str | None = None) -> None:
    """Show all checks or transforms, or one."""
    registry = _registry(kind)
    if name is None:
        entries = [describe(each, registry[each]) for each in registry]
        session.show(entries, lambda out: _draw_list(out, entries))
        session.next(f"hw {kind}s ID   (explains one)")
        return
    entry = describe(name, registry[name])
    session.show(entry, lambda out: _draw_one(out, entry))
    words = [f"-p {item['name']}=…" for item in entry["parameters"] if item["required"]]
    if kind == "transform":
        session.next(" ".join([f"hw clean DATASET {name}", *words, "--dry-run"]))


def describe(name: str, item: Any) -> dict[str, Any]:
    """Return what the documentation of a check or transform says.

    Returns
    -------
    dict
        ``id``, ``title``, ``version``, ``cost`` (of a check), ``summary``, ``text`` and ``parameters``, each of
        them with ``name``, ``type``, ``default``, ``required`` and ``help``.
    """
    document = inspect.cleandoc(item.__doc__ or "")
    text, _, rest = document.partition("\nParameters\n----------\n")
    helps = dict(_parameter_helps(rest))
    return {
        "id": name,
        "title": getattr(item, "title", ""),
        "version": str(getattr(item, "version", "")),
        **({"cost": item.cost} if hasattr(item, "cost") else {}),
        "summary": _plain(text.partition("\n\n")[0].replace("\n", " ")).strip(),
        "text": _plain(re.split(r"\n\n\w[\w ]*\n-{3,}\n", text)[0]).strip(),
        "parameters": [{**field, "help": helps.get(field["name"], "")} for field in _fields(item)],
    }


def _registry(kind: Kind) -> Any:
    if kind == "check":
        from headwater.checks.base import CHECKS

        return CHECKS
    from headwater.transforms.base import TRANSFORMS

    return TRANSFORMS


def _fields(item: Any) -> Iterator[dict[str, Any]]:
    from dataclasses import MISSING, fields

    for field in fields(item):
        default = field.default
        if default is MISSING and field.default_factory is not MISSING:
            default = field.default_factory()
        required = default is MISSING
        plain = None if required else list(default) if isinstance(default, tuple) else default
        yield {"name": field.name, "type": str(field.type), "default": plain, "required": required}


def _parameter_helps(text: str) -> Iterator[tuple[str, str]]:
    """Yield names and texts of a numpydoc section; one entry may name several parameters."""
    section = re.split(r"(?m)^\w[\w ]*\n-{3,}$", text)[0]
    for entry in re.split(r"(?m)^(?=\S)", section):
        head, _, body = entry.partition("\n")
        for name in head.partition(" : ")[0].split(","):
            yield name.strip(), _plain(" ".join(body.split()))


def _plain(text: str) -> str:
    """Return reStructuredText without its code marks."""
    return re.sub(r"``([^`]+)``", r"\1", text)


def _draw_list(out: Console, entries: list[dict[str, Any]]) -> None:
    from rich.text import Text

    from headwater.cli.tables import plain_table

    rows = [[Text(entry["id"], style="bold"), Text(entry["summary"])] for entry in entries]
    out.print(plain_table(["id", "what it does"], rows))


def _draw_one(out: Console, entry: dict[str, Any]) -> None:
    import json

    from rich.text import Text

    from headwater.cli.console import jsonable
    from headwater.cli.tables import plain_table

    facts = f"version {entry['version']}" + (f", cost: {entry['cost']}" if "cost" in entry else "")
    out.print(Text.assemble((entry["id"], "bold"), f"  {entry['title']}  ", (facts, "dim")))
    out.print()
    out.print(entry["text"], markup=False)
    if entry["parameters"]:
        out.print()
        rows = []
        for item in entry["parameters"]:
            default = (
                "required" if item["required"] else json.dumps(jsonable(item["default"]), ensure_ascii=False)
            )
            rows.append([Text(item["name"], style="bold"), Text(default, style="dim"), Text(item["help"])])
        out.print(plain_table(["parameter", "default", "what it is"], rows))
