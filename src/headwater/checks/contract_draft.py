"""A contract that is being read from what another tool promises, and what its readers share."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headwater.checks.suite import check_of
from headwater.core.contract import ColumnPromise, Contract, Rule
from headwater.core.errors import HeadwaterError
from headwater.profile.quoting import identifier, literal

__all__ = ["Draft", "Imported", "compared", "listed", "mappings"]


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


def mappings(values: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the mappings of a list."""
    for value in values or ():
        if isinstance(value, Mapping):
            yield value
