"""``privacy.pii``: personal data by the form of values and by the names of columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.checks.base import CHECKS, Check, Level, States, Target
from headwater.checks.judging import graded, judged, percent, rows_text
from headwater.core.findings import Finding, Fix
from headwater.core.schema import require_columns
from headwater.methods.masking import MASKED
from headwater.methods.pii import find_spans
from headwater.methods.pii_kinds import KINDS, classify_name, is_about_persons, is_bare_name
from headwater.profile.base import Measure, NeedExact
from headwater.profile.batch import Batch
from headwater.profile.kinds import Kind, kind_of
from headwater.profile.tally import Tally
from headwater.reading.numbered import keys_at

__all__ = ["PersonalData", "PersonalForms"]

_FORMS = {kind.id: kind for kind in KINDS}
_WORDS = {
    "url_with_user": "addresses with a user name",
    "email": "mail addresses",
    "iban": "bank account numbers",
    "credit_card": "card numbers",
    "us_ssn": "US social security numbers",
    "nhs_number": "NHS numbers",
    "ip_address": "IP addresses",
    "mac_address": "MAC addresses",
    "phone": "phone numbers",
    "person_name": "names of people",
    "date_of_birth": "dates of birth",
    "passport": "passport numbers",
    "driver_licence": "driving licence numbers",
    "national_id": "national identity numbers",
    "address": "postal addresses",
    "postcode": "postal codes",
    "location": "places of people",
    "credentials": "passwords or keys",
    "user_name": "user names",
}
_GRAVE = {
    "credit_card",
    "iban",
    "us_ssn",
    "nhs_number",
    "passport",
    "credentials",
    "national_id",
    "driver_licence",
}
_WHOLE_EMAIL = (
    r"^[A-Za-z0-9](?:[A-Za-z0-9._%+'-]{0,62}[A-Za-z0-9_+-])?@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}$"
)
_EXAMPLES = 3
_OF_PERSONS = frozenset(
    {
        "email",
        "phone",
        "date_of_birth",
        "us_ssn",
        "nhs_number",
        "passport",
        "driver_licence",
        "national_id",
        "person_name",
    }
)
"""Kinds of personal data that a table of products or places does not have."""
_BATCH_ROWS = 8192


@dataclass(frozen=True, kw_only=True)
class PersonalForms(Measure[Tally]):
    """How many values hold each kind of personal data that has a form; ``tried:KIND`` counts what merely looks so."""

    id: ClassVar[str] = "column.personal_forms"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = True

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> Tally:
        """Look at each distinct value once."""
        counted = batch.value_counts(self.column)
        texts, times = counted.values.cast(pa.string()), counted.counts
        kinds = _kinds(self.column, batch.table.schema.field(self.column).type)
        # A column of mail addresses is common: where the whole value is one, nothing else can be in it.
        mails = np.asarray(pc.match_substring_regex(texts, _WHOLE_EMAIL))
        known = int(times[mails].sum())
        texts, times = texts.filter(pa.array(~mails)), times[~mails]
        spans = find_spans(texts, kinds=kinds, assume=_assumed(self.column))
        found = np.asarray(spans["row"]), np.asarray(spans["kind"])
        counts = {"rows": batch.num_rows, "nulls": counted.missing}
        for kind in kinds:
            counts[kind] = int(times[np.unique(found[0][found[1] == kind])].sum())
            counts[kind] += known if kind == "email" else 0
            if _FORMS[kind].chance:
                like = np.asarray(pc.match_substring_regex(texts, _FORMS[kind].prefilter))
                counts[f"tried:{kind}"] = int(times[like].sum())
        return Tally(counts)

    def load(self, data: bytes) -> Tally:
        """Read a state."""
        return Tally.from_bytes(data)


@dataclass(frozen=True, slots=True)
class _Found:
    """The first rows that hold a kind of personal data, and what the values look like."""

    rows: tuple[str, ...] = ()
    shapes: tuple[str, ...] = ()


@CHECKS.register("privacy.pii")
@dataclass(frozen=True, kw_only=True)
class PersonalData(Check):
    """Columns hold no personal data that nobody declared.

    Looks for values with the form of personal data, checked by their checksum where there is one, and for
    columns whose name says that they are about a person. A finding never holds a value, only its shape.

    Parameters
    ----------
    columns : tuple of str
        The columns; all by default.
    kinds : tuple of str
        The kinds of personal data, such as ``email``; all by default.
    level : {"warn", "fail"}
        The outcome where personal data is found. Columns that the contract classifies pass; of columns that
        were masked the name says nothing any more. A column that is just called ``name`` counts where another
        column, or the name of the dataset, says that the table is about persons.

    Notes
    -----
    Patterns find what has a form. Names of people and places inside free text have none: this check does
    not find them, so that passing it is no proof that a text is anonymous.
    """

    id = "privacy.pii"
    title = "Personal data"
    version = 2
    keeps_findings = True

    columns: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    level: Level = "warn"

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Look at all columns."""
        return (cls(),) if target.schema.names else ()

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Look for forms in columns of text and whole numbers."""
        return [PersonalForms(column=name) for name in self._columns(target) if _has_forms(target, name)]

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Judge each column."""
        declared = {promise.name for promise in target.contract.columns if promise.classification}
        masked = {name for name, tags in target.dataset.manifest.tags.items() if MASKED in tags}
        findings, spared = [], 0
        for column in self._columns(target):
            if column in declared:
                spared += 1
                continue
            forms = self._forms(column, states, target) if _has_forms(target, column) else []
            findings += forms or ([] if column in masked else self._by_name(column, target))
        findings += self._bare_names(findings, {*declared, *masked}, target)
        if findings:
            return findings
        known = f" {rows_text(spared, 'column')} declared to be personal passed." if spared else ""
        return [
            judged(
                self,
                False,
                "No personal data found by the form of values or the names of columns."
                f"{known} Names inside free text are not looked for.",
                value=0.0,
                threshold=0.0,
            )
        ]

    def _forms(self, column: str, states: States, target: Target) -> list[Finding]:
        measure = PersonalForms(column=column)
        state = states[measure]
        kinds = [kind for kind in _kinds(column, target.schema.field(column).type) if self._wants(kind)]
        kinds = [kind for kind in kinds if state[kind] and not _by_chance(kind, column, state)]
        if kinds and state.stale_rows:
            raise NeedExact([measure])
        there = state.rows - state["nulls"]
        return [
            self._finding(
                column, kind, state[kind], state[kind] / there, _first(column, kind, state[kind], target)
            )
            for kind in sorted(kinds, key=lambda kind: -state[kind])
        ]

    def _by_name(self, column: str, target: Target) -> list[Finding]:
        if kind_of(target.schema.field(column).type) is Kind.BOOLEAN or not target.dataset.num_rows:
            return []
        # Where values have a form and none was found, the name alone says nothing.
        kind = classify_name(column)
        if kind is None or kind in _FORMS or not self._wants(kind):
            return []
        return [self._finding(column, kind, 0, None, _Found())]

    def _bare_names(self, found: Sequence[Finding], spared: Set[str], target: Target) -> list[Finding]:
        """Judge columns that are just called ``name``: they hold those of persons where the table is about persons."""
        kinds = {finding.evidence["kind"] for finding in found}
        if not (kinds & _OF_PERSONS or is_about_persons(target.dataset.name)) or not self._wants(
            "person_name"
        ):
            return []
        known = {finding.column for finding in found}
        return [
            self._finding(column, "person_name", 0, None, _Found())
            for column in self._columns(target)
            if is_bare_name(column)
            and column not in spared
            and column not in known
            and target.dataset.num_rows
            and kind_of(target.schema.field(column).type) is Kind.TEXT
        ]

    def _finding(self, column: str, kind: str, count: int, share: float | None, first: _Found) -> Finding:
        what = _WORDS[kind]
        if share is None:
            message = f"By its name, column {column!r} holds {what}. Values were not looked at."
            severity = 0.6 if kind in _GRAVE else 0.45
        else:
            like = f", for example of the shape {first.shapes[0]}" if first.shapes else ""
            message = f"Column {column!r} holds {what} in {rows_text(count)} ({percent(share)} of its values){like}."
            severity = graded(0.7 if kind in _GRAVE else 0.55, share)
        return judged(
            self,
            True,
            f"{message} Mask it, or declare it in the contract with a classification.",
            severity=severity,
            column=column,
            value=share,
            threshold=0.0,
            rows=first.rows,
            row_count=count,
            evidence={
                "kind": kind,
                "basis": "name" if share is None else "values",
                "shapes": list(first.shapes),
            },
            fix=Fix(transform="anonymize.mask", parameters={"columns": [column]}),
        )

    def _wants(self, kind: str) -> bool:
        return not self.kinds or kind in self.kinds

    def _columns(self, target: Target) -> Sequence[str]:
        require_columns(target.schema, self.columns, where=f"dataset {target.dataset.name!r}")
        return self.columns or tuple(target.schema.names)


def _has_forms(target: Target, column: str) -> bool:
    return kind_of(target.schema.field(column).type) in (Kind.TEXT, Kind.INTEGER)


def _kinds(column: str, type_: pa.DataType) -> list[str]:
    """Return the kinds to look for: in numbers only cards, and what the column's name says."""
    if kind_of(type_) is Kind.TEXT:
        return list(_FORMS)
    return [kind for kind in _FORMS if kind in ("credit_card", classify_name(column))]


def _assumed(column: str) -> list[str]:
    kind = classify_name(column)
    return [kind] if kind in _FORMS else []


def _by_chance(kind: str, column: str, state: Tally) -> bool:
    """Say whether no more values pass a check digit than random ones would."""
    if not _FORMS[kind].chance or kind == classify_name(column):
        return False
    tried = state[f"tried:{kind}"]
    return tried > 1 and _FORMS[kind].is_chance(state[kind], tried)


def _first(column: str, kind: str, count: int, target: Target) -> _Found:
    """Return the first rows whose value holds a kind of personal data, and the shapes of what they hold."""
    wanted, start = min(count, target.row_limit), 0
    keys: list[str] = []
    shapes: dict[str, None] = {}
    kinds = _kinds(column, target.schema.field(column).type)
    for batch in target.dataset.scan([column], batch_rows=_BATCH_ROWS):
        texts = batch.column(0).cast(pa.string())
        # The pattern that every such text matches is cheap, and spares most of them.
        likely = np.flatnonzero(
            np.asarray(pc.fill_null(pc.match_substring_regex(texts, _FORMS[kind].prefilter), False))
        )
        spans = find_spans(texts.take(pa.array(likely)), kinds=kinds, assume=_assumed(column))
        spans = spans.filter(pc.equal(spans["kind"], kind))
        hits = likely[np.unique(np.asarray(spans["row"]))][: wanted - len(keys)]
        keys += keys_at(target.dataset, start + hits)
        values = pc.replace_substring_regex(spans["value"].slice(0, 50), r"\p{L}", "x")
        shapes |= dict.fromkeys(pc.replace_substring_regex(values, r"\d", "9").to_pylist())
        start += batch.num_rows
        if len(keys) >= wanted:
            break
    return _Found(tuple(keys), tuple(shapes)[:_EXAMPLES])
