"""Contracts as YAML documents: read with a useful error, written with their columns in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from headwater.core.contract import Contract
from headwater.core.errors import InputError
from headwater.core.odcs_stated import unjudged
from headwater.core.odcs_words import unknown_fields, wrong_words

__all__ = ["contract_yaml", "document_yaml", "read_contract", "strangers_text"]


def read_contract(path: Path) -> Contract:
    """Read an ODCS document from a YAML (or JSON) file; say on stderr which of its rules nothing will hold.

    Raises
    ------
    InputError
        If the file is not YAML, or not a data contract.
    """
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.", file=str(path)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a YAML document: {error}", file=str(path)) from error
    if not isinstance(document, dict):
        raise InputError(f"{path} holds no YAML mapping, so it is no data contract.", file=str(path))
    try:
        contract = Contract.from_odcs(document)
        unheard = list(_unheard(document))
        wrong = wrong_words(document)
    except InputError as error:
        raise InputError(f"{path}: {error.message}", file=str(path)) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not a whole ODCS data contract: {type(error).__name__} {error}", file=str(path)
        ) from error

    if wrong:
        raise InputError(f"{path}: {' '.join(wrong)}", file=str(path), problems=wrong)
    if strange := strangers_text(document):
        click.echo(f"{path}: {strange}", err=True)
    if unheard:
        click.echo(
            f"{path}: not read, so not held: {', '.join(unheard)}. "
            "Write it as a rule of engine headwater, such as consistency.rule.",
            err=True,
        )
    return contract


def strangers_text(document: Mapping[str, Any]) -> str:
    """Return a sentence on the fields of a document that the standard does not have; nothing if there are none."""
    strange = unknown_fields(document)
    if not strange:
        return ""
    return (
        f"not understood, so not held: {', '.join(strange)}. These are no fields of the standard; what is "
        "your own goes below customProperties."
    )


def contract_yaml(contract: Contract) -> str:
    """Return a contract as an ODCS document in YAML."""
    return document_yaml(contract.to_odcs())


def document_yaml(document: Mapping[str, Any]) -> str:
    """Return an ODCS document in YAML, its fields in order."""
    import yaml

    text: str = yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=100)
    return text


def _unheard(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a document asks for that `Contract.from_odcs` has no equivalent of, each with its place."""
    tables = document["schema"]
    others = {name: part for name, part in document.items() if name != "slaProperties"}
    yield from unjudged(document)
    yield from (f"schema[{number}] (a second table)" for number in range(1, len(tables)))
    table = tables[0]
    asked: list[tuple[str, str | None, Sequence[Any]]] = [("schema[0]", None, table.get("quality") or ())]
    for number, column in enumerate(table.get("properties") or ()):
        asked.append((f"schema[0].properties[{number}]", column["name"], column.get("quality") or ()))
    for where, column_name, rules in asked:
        for number, rule in enumerate(rules):
            inside = {"quality": [rule]}
            alone = inside if column_name is None else {"properties": [{"name": column_name, **inside}]}
            kind = rule.get("type", "library")
            # Text is for people; no tool holds it.
            if (
                kind != "text"
                and not Contract.from_odcs({**others, "schema": [{"name": "t", **alone}]}).rules
            ):
                told = rule.get("rule") or rule.get("engine") or ""
                yield f"{where}.quality[{number}] ({f'{kind} {told}'.strip()})"
