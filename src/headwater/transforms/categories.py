"""``clean.categories``: one spelling for values that are written in several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import SchemaError, UsageError, require_choice
from headwater.methods.fingerprints import ClusterMethod, canonical_values
from headwater.reading.chunks import DatasetChunk
from headwater.transforms.base import TRANSFORMS, Edit, RowTransform, Source, require_targets

__all__ = ["CleanCategories"]

Fitted = Mapping[str, Mapping[str, tuple[str, str]]]

_AT_ONCE = 32
_SHOWN = 200
_GIVEN = "as the mapping says"


@TRANSFORMS.register("clean.categories")
@dataclass(frozen=True, kw_only=True)
class CleanCategories(RowTransform[Fitted]):
    """Give values that are the same word written differently the spelling that is most frequent.

    Parameters
    ----------
    columns : tuple of str
        Which columns; by default all text columns other than the key with few different values.
    methods : tuple of str
        What makes values the same: ``case`` (but for case and white space), ``fingerprint`` (but for case, accents,
        punctuation and the order of words), ``ngram`` (the same pairs of letters, so ``New York`` and ``newyork``),
        ``typo`` (a typing error of a far more frequent value). None but ``mapping`` if empty.
    ratio : float
        How many times as frequent the right value must be for another to be a typing error of it.
    size : int
        Letters of an n-gram.
    mapping : mapping of str to str
        Values and what they are to be, such as abbreviations: ``{"NYC": "New York"}``. It comes first.
    keep : tuple of str
        Values that are right as they are.
    most_distinct : int
        Columns with more different values hold no categories: they are left out, or refused where they are named.

    Notes
    -----
    Values with other digits, or fewer than three letters, are never the same for ``fingerprint`` and ``typo``.
    `--review` shows each cluster before anything is changed.

    References
    ----------
    OpenRefine documentation, "Clustering in depth".
    """

    id = "clean.categories"
    title = "One spelling"

    columns: tuple[str, ...] = ()
    methods: tuple[ClusterMethod, ...] = ("case", "fingerprint", "typo")
    ratio: float = 10.0
    size: int = 2
    mapping: Mapping[str, str] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    most_distinct: int = 20_000

    def __post_init__(self) -> None:
        for method in self.methods:
            require_choice("methods", method, get_args(ClusterMethod))
        if not self.methods and not self.mapping:
            raise UsageError("There is nothing to do: give methods or a mapping.")
        if self.ratio <= 1.0:
            raise UsageError(
                f"ratio is {self.ratio}; the right value comes more than once as often as the wrong one."
            )
        if self.size < 1:
            raise UsageError(f"size is {self.size}; an n-gram has at least one letter.")

    def validate(self, source: Source) -> None:
        """Raise if a column is not there, part of the key, or no text."""
        require_targets(self, source, self.columns)
        for name in self.columns:
            kind = source.schema.field(name).type
            if not pa.types.is_string(kind):
                raise SchemaError(f"Column {name!r} is {kind}; categories are text.", column=name)

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the columns that may change."""
        text = (item.name for item in source.schema if pa.types.is_string(item.type))
        return self.columns or tuple(name for name in text if name not in source.key)

    def fit(self, source: Source) -> Fitted:
        """Return what each value of each column is to be, and why."""
        found, names = {}, self.targets(source)
        counted: dict[str, dict[str, int]] = {}
        for start in range(0, len(names), _AT_ONCE):
            counted |= self._counts(source, names[start : start + _AT_ONCE])
        for name, counts in counted.items():
            given = {old: (new, _GIVEN) for old, new in self.mapping.items() if old in counts and old != new}
            meant = {**self._variants(counts), **given}
            found[name] = {old: (_followed(new, given), why) for old, (new, why) in meant.items()}
        return found

    def facts(self, fitted: Fitted) -> Mapping[str, Any]:
        """Return how many values of each column are variants, and of which ones."""
        return {
            "columns": {
                name: {
                    "variants": len(meant),
                    "of": len({new for new, _ in meant.values()}),
                    "mapping": {old: meant[old][0] for old in sorted(meant)[:_SHOWN]},
                }
                for name, meant in fitted.items()
                if meant
            }
        }

    def apply(self, rows: pa.Table, fitted: Fitted, rng: np.random.Generator) -> Edit:
        """Replace the variants."""
        after, why = {}, {}
        for name, meant in fitted.items():
            column = rows.column(name)
            if not meant:
                after[name] = column
                continue
            at = pc.index_in(column, value_set=pa.array(list(meant), pa.string()))
            new, reasons = (pa.array([pair[side] for pair in meant.values()], pa.string()) for side in (0, 1))
            after[name] = pc.coalesce(new.take(at), column)
            why[name] = reasons.take(at)
        return Edit.between(rows, pa.table(after), why=why)

    def _variants(self, counts: Mapping[str, int]) -> dict[str, tuple[str, str]]:
        if not self.methods:
            return {}
        # A value that somebody says is right is more frequent than any other.
        most = max(counts.values(), default=0) + 1
        weighed = {text: count + most * (text in self.keep) for text, count in counts.items()}
        found = canonical_values(weighed, self.methods, ratio=self.ratio, size=self.size)
        return {old: pair for old, pair in found.items() if old not in self.keep}

    def _counts(self, source: Source, names: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return how often each value of each column comes, without columns of too many different ones."""

        def count(numbered: tuple[int, DatasetChunk]) -> list[dict[str, int] | None]:
            return [self._counted(column) for column in numbered[1].read(list(names)).columns]

        totals: dict[str, Counter[str]] = {name: Counter() for name in names}
        for parts in source.executor.map(count, source.chunks(), label=self.id, progress=source.progress):
            for name, part in zip(names, parts, strict=True):
                if name not in totals:
                    continue
                if part is not None:
                    totals[name].update(part)
                if part is None or len(totals[name]) > self.most_distinct:
                    del totals[name]
                    if self.columns:
                        raise UsageError(
                            f"Column {name!r} has more than {self.most_distinct:,} different values: these are no "
                            "categories. Name other columns, or raise most_distinct.",
                            column=name,
                        )
        return {name: dict(total) for name, total in totals.items()}

    def _counted(self, column: pa.ChunkedArray) -> dict[str, int] | None:
        counted = pc.value_counts(column.drop_null())
        if len(counted) > self.most_distinct:
            return None
        values, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
        return dict(zip(values, counts, strict=True))


def _followed(text: str, given: Mapping[str, tuple[str, str]]) -> str:
    """Return what the mapping makes of a text, or the text: of a mapped value's variants, the same."""
    return given[text][0] if text in given else text
