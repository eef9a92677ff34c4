"""Contracts from what other tools promise: suites of Great Expectations, schemas of pandera, tests of dbt.

Each construct becomes a rule that judges the same, or is named among those that have none: nothing is dropped in
silence.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from headwater.checks.suite import check_of
from headwater.core.contract import ColumnPromise, Contract, Rule
from headwater.core.errors import HeadwaterError, InputError, require_choice
from headwater.profile.quoting import identifier, literal

__all__ = ["Draft", "Foreign", "Imported", "compared", "listed", "mappings", "read_foreign"]

Foreign = Literal["great-expectations", "pandera", "dbt"]


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What was read.

    Parameters
    ----------
    contract : Contract
        The promises that have an equivalent.
    left : tuple of str
        Those that have none, each with its name, place and parameters.
    """

    contract: Contract
    left: tuple[str, ...] = ()

    def to_odcs(self) -> dict[str, Any]:
        """Return the contract as an ODCS document, in which what has no equivalent stands as text."""
        document = self.contract.to_odcs()
        texts = [{"type": "text", "description": text} for text in self.left]
        if texts:
            table = document["schema"][0]
            table["quality"] = [*(table.get("quality") or ()), *texts]
        return document


@dataclass
class Draft:
    """A contract that is being read."""

    dataset: str
    columns: dict[str, dict[str, Any]] = field(default_factory=dict)
    rules: list[Rule] = field(default_factory=list)
    key: tuple[str, ...] = ()
    description: str = ""
    left: list[str] = field(default_factory=list)

    def promise(self, column: str, **facts: Any) -> None:
        """Promise that a column is there, and more of it."""
        known = self.columns.setdefault(column, {})
        known.update({name: value for name, value in facts.items() if value})

    def ask(
        self,
        check: str,
        column: str | None = None,
        *,
        severity: str = "error",
        note: str = "",
        **parameters: Any,
    ) -> None:
        """Ask for a check; one whose parameters do not fit is left as text."""
        given = {name: value for name, value in parameters.items() if value is not None}
        rule = Rule(check=check, column=column, parameters=given, severity=severity, description=note)
        try:
            check_of(rule)
        except HeadwaterError as error:
            self.leave(f"{check} of {column}: {error}")
            return
        if rule not in self.rules:
            self.rules.append(rule)

    def hold(self, condition: str, *, allowed: float = 0.0, severity: str = "error", note: str = "") -> None:
        """Ask for a condition in SQL to hold for every row, or for all but a share of them."""
        share = allowed or None
        self.ask("consistency.rule", severity=severity, note=note, condition=condition, max_fraction=share)

    def leave(self, text: str) -> None:
        """Name what has no equivalent."""
        self.left.append(text)

    def done(self) -> Imported:
        """Return what was read."""
        promised = tuple(ColumnPromise(name=name, **facts) for name, facts in self.columns.items())
        contract = Contract(
            dataset=self.dataset,
            columns=promised,
            key=self.key,
            rules=tuple(self.rules),
            description=self.description,
        )
        return Imported(contract=contract, left=tuple(self.left))


def read_foreign(file: str | Path, *, format: Foreign | None = None, model: str | None = None) -> Imported:
    """Read what another tool promises.

    Parameters
    ----------
    file : str or Path
        A suite of Great Expectations (JSON, of 0.x and 1.x), a schema of pandera (the YAML that it writes), or a
        file of dbt with tests (YAML).
    format : {"great-expectations", "pandera", "dbt"}, optional
        Which one; known from its content by default.
    model : str, optional
        The model of a dbt file that has several; for others a name for the dataset.

    Returns
    -------
    Imported

    Raises
    ------
    InputError
        If the file cannot be read, or is none of these.
    """
    from headwater.checks.from_dbt import read_dbt
    from headwater.checks.from_great_expectations import read_suite
    from headwater.checks.from_pandera import read_schema

    path = Path(file)
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: it cannot be read ({reason}).", file=str(path)) from error
    if format is not None:
        require_choice("format", format, get_args(Foreign))
    found = format or _format_of(document)
    if found is None or not isinstance(document, Mapping):
        raise InputError(
            f"{path}: it is no suite of Great Expectations, no schema of pandera and no dbt file with tests. "
            f"Say which it is with --format ({', '.join(get_args(Foreign))}).",
            file=str(path),
        )
    if found == "dbt":
        return read_dbt(document, model=model)
    name = model or path.name.partition(".")[0]
    return read_suite(document, name) if found == "great-expectations" else read_schema(document, name)


def compared(column: str, sign: str, value: Any) -> str:
    """Return a comparison in SQL."""
    return f"{identifier(column)} {sign} {literal(value)}"


def listed(column: str, values: Sequence[Any], *, inside: bool = True) -> str:
    """Return in SQL that a value is, or is not, among some."""
    known = [
        value
        for value in values
        if value is not None and not (isinstance(value, float) and math.isnan(value))
    ]
    return (
        f"{identifier(column)} {'' if inside else 'NOT '}IN ({', '.join(literal(value) for value in known)})"
    )


def _format_of(document: Any) -> Foreign | None:
    if not isinstance(document, Mapping):
        return None
    if "expectations" in document:
        return "great-expectations"
    if "schema_type" in document:
        return "pandera"
    if any(name in document for name in ("models", "sources", "seeds", "snapshots")):
        return "dbt"
    return None


def mappings(values: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the mappings of a list."""
    for value in values or ():
        if isinstance(value, Mapping):
            yield value
