"""``labels.fix``: give rows the labels that a reviewer, or a model that never saw the row, says are right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import pyarrow as pa

from headwater.core.errors import SchemaError, UsageError
from headwater.core.findings import Finding
from headwater.transforms.addressing import find_rows
from headwater.transforms.base import TRANSFORMS, Edit, Source, Transform, require_targets
from headwater.transforms.training_rows import take_rows

__all__ = ["FixLabels"]


@TRANSFORMS.register("labels.fix")
@dataclass(frozen=True, kw_only=True)
class FixLabels(Transform):
    """Give rows other labels.

    Parameters
    ----------
    labels : mapping of str to Any
        The right label by row key, the key as in findings.
    column : str
        The label column; the contract's by default.

    Examples
    --------
    >>> FixLabels(labels={"17": "spam", "23": "ham"}, column="label").parameters["labels"]
    {'17': 'spam', '23': 'ham'}
    """

    id = "labels.fix"
    title = "Wrong labels"

    labels: Mapping[str, Any] = field(default_factory=dict)
    column: str = ""

    @classmethod
    def from_findings(
        cls, findings: Iterable[Finding], *, min_confidence: float = 0.0, column: str = ""
    ) -> Self:
        """Take the suggestions of ``labels.issues`` that are sure enough.

        Parameters
        ----------
        findings : iterable of Finding
            Those of any check; only suggestions in the evidence of ``labels.issues`` count.
        min_confidence : float
            The least probability of the suggested label, from 0 to 1.
        column : str
            Take only findings about this column.
        """
        labels, columns = {}, set()
        for finding in findings:
            if finding.check != "labels.issues" or (column and finding.column != column):
                continue
            for suggestion in finding.evidence.get("suggestions", ()):
                if suggestion["confidence"] >= min_confidence:
                    labels[suggestion["key"]] = suggestion["suggested"]
                    columns.add(finding.column or "")
        if len(columns) > 1:
            raise UsageError(
                f"These findings are about several labels: {', '.join(sorted(columns))}. Name one."
            )
        return cls(labels=labels, column=next(iter(columns), column))

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the label column."""
        label = self.column or source.contract.label
        if not label:
            raise UsageError(
                f"Dataset {source.dataset.name!r} has no label in its contract. Name the column: column=."
            )
        return (label,)

    def validate(self, source: Source) -> None:
        """Raise if there is no label column, or a label does not fit its type."""
        require_targets(self, source, self.targets(source))
        self._values(source)

    def plan(self, source: Source) -> Iterator[Edit]:
        """Yield one edit for all rows."""
        name = self.targets(source)[0]
        rows, places = find_rows(source, list(self.labels))
        if not len(rows):
            return
        fresh = pa.table({name: self._values(source).take(pa.array(places))})
        yield Edit.between(take_rows(source, rows, [name]), fresh, rows=rows)

    def _values(self, source: Source) -> pa.Array:
        name = self.targets(source)[0]
        kind = source.schema.field(name).type
        values = list(self.labels.values())
        try:
            return pa.array(values, kind)
        except (pa.ArrowException, TypeError, ValueError) as error:
            raise SchemaError(
                f"Label column {name!r} is {kind}, and a label does not fit it: {error}", column=name
            ) from error
