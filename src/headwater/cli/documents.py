"""Contracts as YAML documents: read with a useful error, written with their columns in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from headwater.core.contract import Contract
from headwater.core.errors import InputError, UsageError
from headwater.core.odcs_parts import option_rules, rules_of
from headwater.core.odcs_stated import unjudged
from headwater.core.odcs_words import unknown_fields, wrong_words

__all__ = ["contract_yaml", "document_yaml", "read_contract", "strangers_text"]


def read_contract(path: Path, *, fits: bool = True) -> Contract:
    """Read an ODCS document from a YAML (or JSON) file; say on stderr which of its rules nothing will hold.

    Parameters
    ----------
    path : Path
        The file.
    fits : bool
        Whether its rules must be ones that a check of ours understands.

    Raises
    ------
    InputError
        If the file is not YAML, or not a data contract; the message names the lines.
    """
    import yaml

    from headwater.cli.yaml_lines import lined, position_of

    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        document = yaml.safe_load(text)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.", file=str(path)) from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a YAML document: {error}", file=str(path)) from error
    except yaml.YAMLError as error:
        line, reason = position_of(error, text)
        raise InputError(
            f"{path}, line {line}: this is not a YAML document: {reason}.", file=str(path), line=line
        ) from error
    if not isinstance(document, dict):
        raise InputError(f"{path} holds no YAML mapping, so it is no data contract.", file=str(path))
    try:
        contract = Contract.from_odcs(document)
        wrong = wrong_words(document)
        if fits and not wrong:
            wrong = list(_unfit(document))
        unheard = [] if wrong else list(_unheard(document))
    except InputError as error:
        problems = error.facts.get("problems")
        told = (
            f"this is not a whole ODCS data contract: {'; '.join(lined(text, problems))}."
            if problems
            else error.message
        )
        raise InputError(f"{path}: {told}", file=str(path), problems=problems or []) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not a whole ODCS data contract: {type(error).__name__} {error}", file=str(path)
        ) from error

    if wrong:
        raise InputError(f"{path}: {' '.join(lined(text, wrong))}", file=str(path), problems=wrong)
    if strange := strangers_text(document, text):
        click.echo(f"{path}: {strange}", err=True)
    if unheard:
        click.echo(
            f"{path}: not read, so not held: {', '.join(lined(text, unheard))}. "
            "Write it as a rule of engine headwater, such as consistency.rule.",
            err=True,
        )
    return contract


def strangers_text(document: Mapping[str, Any], text: str = "") -> str:
    """Return a sentence on the fields of a document that the standard does not have; nothing if there are none.

    With the text that the document was read from, each has its line.
    """
    from headwater.cli.yaml_lines import lined

    strange = unknown_fields(document)
    strange = lined(text, strange) if text else strange
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
    yield from unjudged(document)
    yield from (f"schema[{number}] (a second table)" for number in range(1, len(document["schema"])))
    for place, column, rule in _qualities(document):
        kind = rule.get("type", "library")
        # Text is for people; no tool holds it.
        if kind != "text" and not any(rules_of(rule, column)):
            told = rule.get("rule") or rule.get("engine") or ""
            yield f"{place} ({f'{kind} {told}'.strip()})"


def _unfit(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield the rules that no check understands, each with its place and why."""
    from headwater.checks.suite import check_of

    asked = [(place, rule) for place, column, item in _qualities(document) for rule in rules_of(item, column)]
    for number, column in enumerate(document["schema"][0].get("properties") or ()):
        place = f"schema[0].properties[{number}].logicalTypeOptions"
        asked += [(place, rule) for rule in option_rules(column)]
    for place, rule in asked:
        try:
            check_of(rule)
        except UsageError as error:
            yield f"{place}: {error.message}"


def _qualities(document: Mapping[str, Any]) -> Iterator[tuple[str, str | None, Mapping[str, Any]]]:
    """Yield the quality rules of the first table: the place, the column, the rule."""
    table = document["schema"][0]
    parts: list[tuple[str, str | None, Mapping[str, Any]]] = [("schema[0]", None, table)]
    for number, column in enumerate(table.get("properties") or ()):
        parts.append((f"schema[0].properties[{number}]", column["name"], column))
    for where, name, part in parts:
        for number, rule in enumerate(part.get("quality") or ()):
            yield f"{where}.quality[{number}]", name, rule
