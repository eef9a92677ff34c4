"""What a dataset promises.

Inside Headwater a contract is the small value below; it is stored and exchanged as a document of the Open
Data Contract Standard (`headwater.core.odcs`), so that other tools can read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from headwater.core.errors import require_choice
from headwater.core.types import type_name

__all__ = [
    "ODCS_VERSION",
    "SEVERITIES",
    "WARNINGS",
    "Allowance",
    "ColumnPromise",
    "Contract",
    "Rule",
    "promises",
    "require_severity",
]

ODCS_VERSION = "v3.0.2"

WARNINGS = frozenset({"warning", "warn", "info", "information", "notice", "low", "minor", "medium"})
"""Severities of rules that warn where they are broken."""

SEVERITIES = WARNINGS | {
    "error",
    "fail",
    "failure",
    "high",
    "major",
    "severe",
    "critical",
    "fatal",
    "blocker",
}
"""All severities that are known, in small letters; the others fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One check with its parameters, as a contract asks for it."""

    check: str
    column: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    severity: str = "error"
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnPromise:
    """What is promised of one column."""

    name: str
    type: str = ""
    required: bool = False
    unique: bool = False
    classification: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """A finding that is put up with until a day, and why: it is reported, and stops nothing meanwhile.

    Parameters
    ----------
    check : str
        Id of the check.
    column : str, optional
        The column that the finding is about; any by default.
    until : str
        The last day that it holds, as ``2027-01-31``, in UTC.
    reason : str
        Why.
    by : str
        Who gave it.
    since : str
        The day on which it was given.
    """

    check: str
    until: str
    reason: str
    column: str | None = None
    by: str = ""
    since: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What a dataset promises.

    Parameters
    ----------
    dataset : str
        Name of the dataset.
    columns : tuple of ColumnPromise
        The promised columns, in order.
    key : tuple of str
        The columns that identify a row; empty for a content key.
    label : str, optional
        The column that a model learns to predict.
    sensitive : tuple of str
        Sensitive features: the columns whose values are the groups of fairness checks.
    time : str, optional
        The column that says when a row's event happened.
    rules : tuple of Rule
        The checks it asks for.
    allowances : tuple of Allowance
        What is put up with for a time.
    owner, description, version : str
        As in ODCS.
    license : str
        The licence of the data: an SPDX name or a URL.
    kept : mapping
        What the document it was read from says beside this, as it stood there: see `headwater.core.odcs_kept`.
    """

    dataset: str
    columns: tuple[ColumnPromise, ...] = ()
    key: tuple[str, ...] = ()
    label: str | None = None
    sensitive: tuple[str, ...] = ()
    time: str | None = None
    rules: tuple[Rule, ...] = ()
    owner: str = ""
    description: str = ""
    version: str = "1.0.0"
    license: str = ""
    allowances: tuple[Allowance, ...] = ()
    kept: Mapping[str, Any] = field(default_factory=dict)

    def with_roles(
        self, *, label: str | None = None, sensitive: Sequence[str] | None = None, time: str | None = None
    ) -> Contract:
        """Return the contract with those roles that are given set anew."""
        return replace(
            self,
            label=label if label is not None else self.label,
            sensitive=tuple(sensitive) if sensitive is not None else self.sensitive,
            time=time if time is not None else self.time,
        )

    def within(self, names: Iterable[str]) -> Contract:
        """Return the contract without the roles of columns that are not among ``names``.

        Those columns are still promised, so that ``schema.drift`` reports them. A contract that promises no
        columns stays as it is.
        """
        there = set(names)
        roles = [*self.key, *self.sensitive, *(name for name in (self.label, self.time) if name)]
        lost = [name for name in dict.fromkeys(roles) if name not in there]
        if not lost or not self.columns:
            return self
        known = {column.name for column in self.columns}
        return replace(
            self,
            columns=(*self.columns, *(ColumnPromise(name=name) for name in lost if name not in known)),
            key=self.key if there.issuperset(self.key) else (),
            label=None if self.label in lost else self.label,
            sensitive=tuple(name for name in self.sensitive if name in there),
            time=None if self.time in lost else self.time,
        )

    def without_columns(self, names: Iterable[str]) -> Contract:
        """Return the contract without anything about these columns."""
        gone = set(names)
        return replace(
            self,
            columns=tuple(column for column in self.columns if column.name not in gone),
            label=None if self.label in gone else self.label,
            sensitive=tuple(name for name in self.sensitive if name not in gone),
            time=None if self.time in gone else self.time,
            rules=tuple(rule for rule in self.rules if rule.column not in gone),
            allowances=tuple(one for one in self.allowances if one.column not in gone),
            kept=self._kept_of({name: name for name in self.kept.get("columns", {}) if name not in gone}),
        )

    def retyped(self, old: pa.Schema, new: pa.Schema) -> Contract:
        """Return the contract with the new types of columns where it promises the old ones."""

        def promise(column: ColumnPromise) -> ColumnPromise:
            if column.name not in old.names or column.name not in new.names:
                return column
            was, now = (type_name(schema.field(column.name).type) for schema in (old, new))
            return replace(column, type=now) if was != now and column.type == was else column

        return replace(self, columns=tuple(promise(column) for column in self.columns))

    def renamed(self, names: Mapping[str, str]) -> Contract:
        """Return the contract with columns renamed, given as ``{old: new}``."""

        def new(name: str) -> str:
            return names.get(name, name)

        return replace(
            self,
            columns=tuple(replace(column, name=new(column.name)) for column in self.columns),
            key=tuple(new(name) for name in self.key),
            label=None if self.label is None else new(self.label),
            sensitive=tuple(new(name) for name in self.sensitive),
            time=None if self.time is None else new(self.time),
            rules=tuple(replace(r, column=None if r.column is None else new(r.column)) for r in self.rules),
            allowances=tuple(
                replace(one, column=None if one.column is None else new(one.column))
                for one in self.allowances
            ),
            kept=self._kept_of({name: new(name) for name in self.kept.get("columns", {})}),
        )

    def _kept_of(self, names: Mapping[str, str]) -> dict[str, Any]:
        """Return what is kept, of columns that of these alone, under their new names."""
        said = self.kept.get("columns", {})
        columns = {new: {**said[old], "name": new} for old, new in names.items()}
        others = {name: part for name, part in self.kept.items() if name != "columns"}
        return {**others, "columns": columns} if columns else others

    def to_odcs(self) -> dict[str, Any]:
        """Return the contract as an ODCS v3 document (JSON-able)."""
        from headwater.core.odcs import to_odcs

        return to_odcs(self)

    @classmethod
    def from_odcs(cls, document: Mapping[str, Any]) -> Contract:
        """Read an ODCS v3 document.

        Raises
        ------
        InputError
            If the document is not a data contract, or not a whole one.
        """
        from headwater.core.odcs import from_odcs

        return from_odcs(document)


def require_severity(rule: Rule) -> None:
    """Refuse a rule whose severity nobody knows.

    Raises
    ------
    UsageError
        If it is none of `SEVERITIES`.
    """
    if rule.severity.lower() not in SEVERITIES:
        require_choice(f"The severity of rule {rule.check!r}", rule.severity, ("error", "warning", "info"))


def promises(schema: pa.Schema, key: Sequence[str] = ()) -> tuple[ColumnPromise, ...]:
    """Return the plainest promises of a schema: names and types, and that keys are there."""
    return tuple(ColumnPromise(name=f.name, type=type_name(f.type), required=f.name in key) for f in schema)
