"""``labels.fix``: give rows the labels that a reviewer, or a model that never saw the row, says are right."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import SchemaError, UsageError
from headwater.core.findings import Finding
from headwater.recipes.label_suspects import label_suspects
from headwater.transforms.addressing import find_rows
from headwater.transforms.base import TRANSFORMS, Edit, Source, Transform, label_column, require_targets
from headwater.transforms.training_rows import take_rows

__all__ = ["FixLabels"]


@TRANSFORMS.register("labels.fix")
@dataclass(frozen=True, kw_only=True)
class FixLabels(Transform):
    """Give rows other labels: those that a reviewer accepted, or those that a model is sure enough of.

    Parameters
    ----------
    labels : mapping of str to Any
        The right label by row key, the key as in findings.
    column : str
        The label column; the contract's by default.
    min_confidence : float, optional
        Instead of ``labels``: give every row that ``labels.issues`` suspects the label that a model, which
        has not seen the row, is at least so sure of, from 0 to 1.
    recipe, exclude, folds
        The model: as in ``labels.issues``.

    Examples
    --------
    >>> FixLabels(labels={"17": "spam", "23": "ham"}, column="label").parameters["labels"]
    {'17': 'spam', '23': 'ham'}
    """

    id = "labels.fix"
    title = "Wrong labels"

    labels: Mapping[str, Any] = field(default_factory=dict)
    column: str = ""
    min_confidence: float | None = None
    recipe: str = ""
    exclude: tuple[str, ...] = ()
    folds: int = 5

    def __post_init__(self) -> None:
        if self.labels and self.min_confidence is not None:
            raise UsageError("Give the labels, or min_confidence to take those of a model; not both.")

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
        return (label_column(source, self.column, option="column"),)

    def validate(self, source: Source) -> None:
        """Raise if there is no label column, or a label does not fit its type."""
        require_targets(self, source, self.targets(source))
        _typed(self.labels.values(), source, self.targets(source)[0])

    def plan(self, source: Source) -> Iterator[Edit]:
        """Yield one edit for all rows."""
        name = self.targets(source)[0]
        if self.min_confidence is not None:
            yield from self._suggested(source, name, self.min_confidence)
            return
        rows, places = find_rows(source, list(self.labels))
        if len(rows):
            yield _edit(source, name, rows, _typed(self.labels.values(), source, name).take(pa.array(places)))

    def _suggested(self, source: Source, name: str, least: float) -> Iterator[Edit]:
        found = label_suspects(
            source.dataset,
            name,
            recipe=self.recipe,
            exclude=self.exclude,
            folds=self.folds,
            seed=source.seed,
            cache=source.cache,
            progress=source.progress,
        )
        if isinstance(found, str):
            raise UsageError(f"The labels {name!r} cannot be judged: {found}.", column=name)
        sure = found.confidence >= least
        order = np.argsort(found.rows[sure])
        rows, suggested = found.rows[sure][order], found.suggested[sure][order]
        yield Edit(facts={"suspects": len(sure), "relabelled": len(rows), "recipe": found.recipe})
        if len(rows):
            classes = pa.array(found.classes, pa.string()).cast(source.schema.field(name).type)
            share = pa.array(np.floor(100 * found.confidence[sure][order]).astype(np.int64)).cast(pa.string())
            words = [pa.scalar(text) for text in ("a model that has not seen the row is ", " % sure", "")]
            why = {name: pc.binary_join_element_wise(words[0], share, *words[1:])}
            yield _edit(source, name, rows, classes.take(pa.array(suggested)), why)


def _edit(
    source: Source,
    name: str,
    rows: NDArray[np.int64],
    labels: pa.Array,
    why: Mapping[str, pa.Array] | None = None,
) -> Edit:
    return Edit.between(take_rows(source, rows, [name]), pa.table({name: labels}), rows=rows, why=why)


def _typed(labels: Iterable[Any], source: Source, name: str) -> pa.Array:
    kind = source.schema.field(name).type
    try:
        return pa.array(list(labels), kind)
    except (pa.ArrowException, TypeError, ValueError) as error:
        raise SchemaError(
            f"Label column {name!r} is {kind}, and a label does not fit it: {error}", column=name
        ) from error
