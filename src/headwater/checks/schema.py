"""``schema.drift``: columns that came, went, or changed their type."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.judging import judged, shown
from headwater.core.findings import Finding
from headwater.core.schema import plain_type, widen
from headwater.core.types import parse_type, type_name
from headwater.recipes.embedding import TAG

__all__ = ["Drift"]


@CHECKS.register("schema.drift")
@dataclass(frozen=True, kw_only=True)
class Drift(Check):
    """The dataset has the columns, with the types, that its contract promises, or else the baseline has.

    A column that a rule of the contract is about has to be there, too. A column may be narrower than promised
    (``int32`` for ``int64``): nothing is lost. Vectors that ``hw embed`` made of other columns need no promise.

    Parameters
    ----------
    allow_new : bool
        Whether there may be further columns.
    level : {"warn", "fail"}
        The outcome if a column is gone or has another type; a new one that is not allowed is a ``warn``.
    """

    id = "schema.drift"
    title = "Changed columns"

    allow_new: bool = False
    level: Level = "fail"

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Compare column by column."""
        expected, where = _expected(target)
        astray = self._astray(target)
        if expected is None and astray:
            return astray
        if expected is None:
            return [
                judged(self, False, f"The dataset has {len(target.schema.names)} columns; none are promised.")
            ]
        schema = target.schema
        findings = astray
        gone = [name for name in expected if name not in schema.names]
        if gone:
            one = len(gone) == 1
            findings.append(
                self._broken(
                    gone,
                    f"{'Column' if one else 'Columns'} {shown(gone, 8)} of the {where} "
                    f"{'is' if one else 'are'} not there.",
                    0.9,
                    self.level,
                )
            )
        for name, wanted in expected.items():
            if name in schema.names and wanted is not None:
                found = schema.field(name).type
                if found != wanted and widen(wanted, found) != wanted:
                    message = f"Column {name!r} is {type_name(found)}; the {where} says {type_name(wanted)}."
                    findings.append(self._broken([name], message, 0.8, self.level))
        tags = target.dataset.manifest.tags
        new = [name for name in schema.names if name not in expected and TAG not in tags.get(name, {})]
        if new and not self.allow_new:
            one = len(new) == 1
            message = f"{'Column' if one else 'Columns'} {shown(new, 8)} {'is' if one else 'are'} not in the {where}."
            findings.append(self._broken(new, message, 0.3, "warn"))
        return findings or [judged(self, False, f"The columns and their types are those of the {where}.")]

    def _astray(self, target: Target) -> list[Finding]:
        """Return a finding for each column that rules of the contract name, and that nobody has promised."""
        promised = {column.name for column in target.contract.columns}
        lost: dict[str, list[str]] = {}
        for rule in target.contract.rules:
            if rule.column is not None and rule.column not in {*target.schema.names, *promised}:
                lost.setdefault(rule.column, []).append(rule.check)
        found = []
        for name, asked in lost.items():
            near = difflib.get_close_matches(name, target.schema.names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            checks = ", ".join(dict.fromkeys(asked))
            message = f"The contract asks {checks} of column {name!r}, which is not there.{hint}"
            found.append(self._broken([name], message, 0.9, self.level))
        return found

    def _broken(self, columns: list[str], message: str, severity: float, level: Level) -> Finding:
        return judged(self, True, message, severity=severity, level=level, column=", ".join(columns))


def _expected(target: Target) -> tuple[Mapping[str, pa.DataType | None] | None, str]:
    """Return the columns that should be there, their types where known, and who says so."""
    if target.contract.columns:
        promised = {
            column.name: plain_type(parse_type(column.type)) if column.type else None
            for column in target.contract.columns
        }
        return promised, "contract"
    if target.baseline is not None:
        return {field.name: field.type for field in target.baseline.schema}, "baseline"
    return None, ""
