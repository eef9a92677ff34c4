"""Named whole numbers over rows, such as nulls and zeros: the state of every measure that counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

from headwater.profile.codec import decode, encode

__all__ = ["Tally"]


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of rows with this or that property. Merges by adding, so it is exact and invertible.

    Parameters
    ----------
    counts : mapping of str to int
        The counts; ``rows``, the number of rows measured, is always among them.
    stale_rows : int
        Rows counted in that are no longer there.

    Examples
    --------
    >>> state = Tally({"rows": 10, "nulls": 3}).aged(1)
    >>> state.rows, state["nulls"], state.bounds("nulls")
    (9, 3, (2, 3))
    """

    counts: Mapping[str, int]
    stale_rows: int = 0

    def __getitem__(self, name: str) -> int:
        return self.counts[name]

    @property
    def rows(self) -> int:
        """Rows that are there."""
        return self.counts["rows"] - self.stale_rows

    def bounds(self, name: str) -> tuple[int, int]:
        """Return the least and greatest number that the rows that are there can have."""
        return max(0, self.counts[name] - self.stale_rows), min(self.counts[name], self.rows)

    def fraction(self, name: str) -> float:
        """Return the share of rows counted under ``name``; 0 of no rows."""
        measured = self.counts["rows"]
        return self.counts[name] / measured if measured else 0.0

    def fraction_bounds(self, name: str) -> tuple[float, float]:
        """Return the least and greatest share that the rows that are there can have."""
        low, high = self.bounds(name)
        return (low / self.rows, high / self.rows) if self.rows else (0.0, 0.0)

    def merge(self, other: Self) -> Self:
        """Return the counts of both sets of rows."""
        return replace(
            self,
            counts={name: count + other.counts[name] for name, count in self.counts.items()},
            stale_rows=self.stale_rows + other.stale_rows,
        )

    def subtract(self, part: Self) -> Self:
        """Return the counts without the rows of ``part``."""
        return replace(self, counts={name: count - part.counts[name] for name, count in self.counts.items()})

    def aged(self, rows: int) -> Self:
        """Return the same counts with ``rows`` more rows gone."""
        return replace(self, stale_rows=self.stale_rows + rows)

    def to_bytes(self) -> bytes:
        """Return a binary form."""
        return encode("tally", 1, {"counts": dict(self.counts), "stale": self.stale_rows})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the form that `to_bytes` gives."""
        fields = decode("tally", 1, data)
        return cls(fields["counts"], fields["stale"])
