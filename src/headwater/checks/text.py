"""Texts that can be read and say something: ``validity.encoding``, ``completeness.near_empty``, and what repeats."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Level, RowFilter, States, Target
from headwater.checks.judging import (
    graded,
    judged,
    offenders,
    percent,
    rows_text,
    share_finding,
    share_of,
    shown,
)
from headwater.core.errors import UsageError
from headwater.core.findings import Finding, Fix
from headwater.core.text import clipped
from headwater.methods.text_flaws import flawed
from headwater.methods.text_shape import pieces
from headwater.profile.base import Measure, NeedExact
from headwater.profile.columns import Counts
from headwater.profile.conformance import Holds
from headwater.profile.kinds import Kind
from headwater.profile.quoting import identifier, literal
from headwater.profile.texts import Flaws, Pieces

__all__ = ["Boilerplate", "Encoding", "NearEmpty", "Words"]

_UNREADABLE = {
    "garbled": "letters that were decoded wrongly (as 'cafÃ©' for 'café')",
    "replaced": "the sign for a letter that was lost (U+FFFD)",
    "control": "control characters",
}
_SHOWN = 5
_LONGEST = 80


class _Flawed(Check):
    """A check of `Flaws`: texts that have one of some."""

    column: str
    max_fraction: float
    level: Level
    flaws: tuple[str, ...]

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for text columns."""
        return tuple(cls(column=name) for name in target.columns_of(Kind.TEXT))  # type: ignore[call-arg]

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count texts with flaws."""
        return [Flaws(column=self.column)]

    def offending(self, finding: Finding, target: Target) -> RowFilter:
        """Return the texts with a flaw."""

        def mask(table: pa.Table) -> NDArray[np.bool_]:
            found = flawed(table.column(self.column).combine_chunks())
            wrong: NDArray[np.bool_] = np.logical_or.reduce([found[name] for name in self.flaws])
            return wrong

        return RowFilter((self.column,), mask)


@CHECKS.register("validity.encoding")
@dataclass(frozen=True, kw_only=True)
class Encoding(_Flawed):
    """Texts were decoded as they were encoded, and hold no control characters.

    Letters decoded wrongly are found by what UTF-8 looks like when it is read as Windows-1252 or Latin-1.

    Parameters
    ----------
    column : str
        A text column.
    max_fraction : float
        The share of texts that may be unreadable in part.
    level : {"warn", "fail"}
        The outcome above it.
    """

    id = "validity.encoding"
    title = "Unreadable letters"
    flaws = ("unreadable",)

    column: str
    max_fraction: float = 0.0
    level: Level = "warn"

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Hold the share of such texts against what is allowed."""
        tally = states[Flaws(column=self.column)]
        share = share_of(
            states, Flaws(column=self.column), *self.flaws, apart=["missing"], maximum=self.max_fraction
        )
        kinds = [f"{tally[name]:,} with {said}" for name, said in _UNREADABLE.items() if tally[name]]
        return [
            share_finding(
                self,
                share,
                maximum=self.max_fraction,
                column=self.column,
                weight=0.35,
                good=f"All texts of {self.column!r} can be read."
                if not share.bad
                else f"All texts of {self.column!r} can be read, but for {percent(share.value)}.",
                bad=f"{offenders(share, 'is', 'are', noun='text', column=self.column)} not readable as a whole: "
                f"{', '.join(kinds)}.",
                evidence={name: tally[name] for name in _UNREADABLE},
                fix=self._fix() if tally["garbled"] or tally["control"] else None,
            )
        ]

    def _fix(self) -> Fix:
        parameters = {
            "columns": [self.column],
            "encoding": "double",
            "control": True,
            "unicode": "",
            "spaces": "",
        }
        return Fix(transform="clean.text", parameters=parameters)


@CHECKS.register("completeness.near_empty")
@dataclass(frozen=True, kw_only=True)
class NearEmpty(_Flawed):
    """Texts say something: they are not of punctuation alone. Blank ones are for ``completeness.null_fraction``.

    Parameters
    ----------
    column : str
        A text column.
    max_fraction : float
        The share of texts that may say nothing.
    level : {"warn", "fail"}
        The outcome above it.
    """

    id = "completeness.near_empty"
    title = "Texts that say nothing"
    flaws = ("empty",)

    column: str
    max_fraction: float = 0.01
    level: Level = "warn"

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Hold the share of such texts against what is allowed."""
        share = share_of(
            states, Flaws(column=self.column), *self.flaws, apart=["missing"], maximum=self.max_fraction
        )
        return [
            share_finding(
                self,
                share,
                maximum=self.max_fraction,
                column=self.column,
                weight=0.3,
                good=f"Texts of {self.column!r} have letters or digits in them.",
                bad=f"{offenders(share, 'has', 'have', noun='text', column=self.column)} no letter or digit in it.",
            )
        ]


@CHECKS.register("validity.words")
@dataclass(frozen=True, kw_only=True)
class Words(Check):
    """Texts hold none of some words: those of a list of yours, such as insults, names of rivals, or test data.

    Parameters
    ----------
    column : str
        A text column.
    words : tuple of str
        The words, or phrases; case does not matter, and only whole words count.
    max_fraction : float
        The share of texts that may hold one.
    level : {"warn", "fail"}
        The outcome above it.
    """

    id = "validity.words"
    title = "Unwanted words"

    column: str
    words: tuple[str, ...]
    max_fraction: float = 0.0
    level: Level = "fail"

    def __post_init__(self) -> None:
        """Refuse an empty list, which would pass whatever the texts."""
        if not self.words or not all(word.strip() for word in self.words):
            raise UsageError("Give the words that texts may not hold: words=['…'].", check=self.id)

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count texts by whether they hold one."""
        return [self._clean]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Hold the share of texts with one against what is allowed."""
        share = share_of(states, self._clean, "false", apart=["unknown"], maximum=self.max_fraction)
        return [
            share_finding(
                self,
                share,
                maximum=self.max_fraction,
                column=self.column,
                weight=0.4,
                good=f"No text of {self.column!r} holds an unwanted word."
                if not share.bad
                else f"Few texts of {self.column!r} hold an unwanted word ({percent(share.value)}).",
                bad=f"{offenders(share, 'holds', 'hold', noun='text', column=self.column)} a word of "
                f"{shown(self.words)}.",
            )
        ]

    def offending(self, finding: Finding, target: Target) -> str:
        """Return the condition for texts that hold one."""
        return f"NOT {self._clean.condition}"

    @property
    def _clean(self) -> Holds:
        # RE2 knows no word boundary beyond ASCII: what stands before and after is no letter and no digit.
        listed = "|".join(re.escape(word.strip()) for word in self.words)
        pattern = rf"(?i)(^|[^\p{{L}}\p{{N}}_])({listed})($|[^\p{{L}}\p{{N}}_])"
        condition = f"(NOT regexp_matches({identifier(self.column)}, {literal(pattern)}))"
        return Holds(condition=condition, reads=(self.column,))


@CHECKS.register("validity.boilerplate")
@dataclass(frozen=True, kw_only=True)
class Boilerplate(Check):
    """No line or sentence comes in many texts, as signatures, cookie notices and templates do.

    A model learns such a piece instead of what the text says. Pieces are what line ends and full stops part,
    from ``shortest`` characters on; texts of one piece are for the checks of duplicates.

    Parameters
    ----------
    column : str
        A text column.
    max_fraction : float
        The share of texts that one piece may be in.
    shortest : int
        Characters that a piece has at least.
    least : int
        Texts that a piece must be in to count at all.
    level : {"warn", "fail"}
        The outcome above it.
    """

    id = "validity.boilerplate"
    title = "Boilerplate"

    column: str
    max_fraction: float = 0.02
    shortest: int = 25
    least: int = 10
    level: Level = "warn"

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for text columns."""
        return tuple(cls(column=name) for name in target.columns_of(Kind.TEXT) if name not in target.key)

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Count texts, and the pieces that come in most of them."""
        return [Counts(column=self.column), self._pieces]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Hold the share of the commonest piece against what is allowed."""
        tally, top = states[Counts(column=self.column)], states[self._pieces]
        texts = tally.rows - tally["nulls"]
        limit = max(self.max_fraction * texts, self.least - 1)
        common = [(piece, low, high) for piece, low, high in top.top(_SHOWN) if high > limit]
        if (tally.stale_rows or top.stale_rows) and common:
            raise NeedExact(self.measures(target))
        common = [entry for entry in common if entry[1] > limit]
        share = common[0][1] / texts if common else 0.0
        listed = "; ".join(f"{clipped(piece, _LONGEST)!r} ({low:,})" for piece, low, _ in common)
        return [
            judged(
                self,
                bool(common),
                f"The same lines or sentences come in many of {rows_text(texts, 'text')} of {self.column!r}: {listed}."
                if common
                else f"No line or sentence comes in many texts of {self.column!r}.",
                severity=graded(0.25, share),
                column=self.column,
                value=share,
                threshold=self.max_fraction,
                row_count=common[0][1] if common and common[0][1] == common[0][2] else 0,
                evidence={"pieces": {piece: low for piece, low, _ in common}} if common else {},
            )
        ]

    def offending(self, finding: Finding, target: Target) -> RowFilter | None:
        """Return the texts that hold the commonest piece."""
        if not finding.row_count:
            return None
        piece = next(iter(finding.evidence["pieces"]))

        def mask(table: pa.Table) -> NDArray[np.bool_]:
            texts = table.column(self.column).combine_chunks()
            found, owners = pieces(texts, shortest=self.shortest)
            out = np.zeros(table.num_rows, np.bool_)
            out[owners[np.asarray(pc.equal(found, piece))]] = True
            return out

        return RowFilter((self.column,), mask)

    @property
    def _pieces(self) -> Pieces:
        return Pieces(column=self.column, shortest=self.shortest)
