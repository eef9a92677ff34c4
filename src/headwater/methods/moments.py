"""Counts, means, deviations and correlations of numeric columns: mergeable, and rows can be taken away again.

References
----------
Chan, Golub, LeVeque (1983). Algorithms for computing the sample variance. The American Statistician 37(3).
doi:10.1080/00031305.1983.10483115 (merging without loss of digits).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headwater.core.errors import UsageError

__all__ = ["Moments"]

F64 = NDArray[np.float64]

_LARGEST = 1e150


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over pairs of d numeric columns, each pair over the rows in which both are known.

    Parameters
    ----------
    count : numpy.ndarray, shape (d, d)
        Rows in which both columns are known; the diagonal has those of one column.
    mean : numpy.ndarray, shape (d, d)
        Mean of column i over the rows in which i and j are known.
    squares : numpy.ndarray, shape (d, d)
        Sum of squared deviations of column i over the same rows.
    products : numpy.ndarray, shape (d, d)
        Sum of products of the deviations of i and j over the same rows.
    """

    count: F64
    mean: F64
    squares: F64
    products: F64

    @classmethod
    def empty(cls, columns: int) -> Moments:
        """Return the moments of no rows."""
        return cls(*(np.zeros((columns, columns)) for _ in range(4)))

    @classmethod
    def of(cls, values: F64) -> Moments:
        """Return the moments of rows.

        Parameters
        ----------
        values : numpy.ndarray of float64, shape (n, d)
            NaN, infinities and numbers beyond 1e150 are unknown.

        Notes
        -----
        Time n d^2: one matrix product where all is known, four where not.
        """
        x = np.asarray(values, np.float64)
        if x.ndim != 2:
            raise UsageError(f"Rows of numbers have two axes; got shape {x.shape}.")
        known = np.abs(x) < _LARGEST  # its square is a number still
        if len(x) and known.all():
            centre = x.mean(axis=0)
            products = (x - centre).T @ (x - centre)
            full = np.ones_like(products)
            return cls(full * len(x), full * centre[:, None], full * np.diag(products)[:, None], products)
        present = known.astype(np.float64)
        number = np.maximum(present.sum(axis=0), 1.0)
        centre = np.where(known, x, 0.0).sum(axis=0) / number
        shifted = np.where(known, x - centre, 0.0)
        count = present.T @ present
        sums, squares, products = shifted.T @ present, (shifted**2).T @ present, shifted.T @ shifted
        safe = np.maximum(count, 1.0)
        mean = sums / safe
        return cls(
            count,
            np.where(count > 0, mean + centre[:, None], 0.0),
            np.maximum(squares - mean * sums, 0.0),
            products - mean * sums.T,
        )

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both sets of rows together."""
        self._check_fits(other)
        count = self.count + other.count
        weight = np.divide(other.count, count, out=np.zeros_like(count), where=count > 0)
        gap = other.mean - self.mean
        between = self.count * weight
        return Moments(
            count,
            self.mean + gap * weight,
            self.squares + other.squares + gap**2 * between,
            self.products + other.products + gap * gap.T * between,
        )

    def subtract(self, other: Moments) -> Moments:
        """Return the moments without the rows of ``other``, which had been added before.

        Raises
        ------
        UsageError
            If ``other`` has more rows than are there.
        """
        self._check_fits(other)
        count = self.count - other.count
        if (count < 0).any():
            raise UsageError("Cannot take away more rows than the moments hold.")
        left = count > 0
        safe = np.where(left, count, 1.0)
        mean = np.where(left, (self.count * self.mean - other.count * other.mean) / safe, 0.0)
        gap = np.where(left, other.mean - mean, 0.0)
        between = np.where(left, count * other.count / np.maximum(self.count, 1.0), 0.0)
        squares = self.squares - other.squares - gap**2 * between
        products = self.products - other.products - gap * gap.T * between
        return Moments(
            count, mean, np.where(left, np.maximum(squares, 0.0), 0.0), np.where(left, products, 0.0)
        )

    @property
    def means(self) -> F64:
        """Mean of every column; NaN where nothing is known."""
        return np.where(np.diag(self.count) > 0, np.diag(self.mean), np.nan)

    @property
    def deviations(self) -> F64:
        """Sample standard deviation of every column (divisor n - 1); NaN below two values."""
        count = np.diag(self.count)
        return np.sqrt(np.where(count > 1, np.diag(self.squares) / np.maximum(count - 1, 1.0), np.nan))

    def pearson(self) -> F64:
        """Return Pearson's correlation of every pair of columns.

        Returns
        -------
        numpy.ndarray of float64, shape (d, d)
            From -1 to 1; NaN where fewer than two rows are known or a column does not vary.
        """
        # What is below the rounding of the values themselves is no variance.
        floor = self.count * (1e-13 * np.abs(self.mean)) ** 2
        varies = (self.squares > floor) & (self.squares.T > floor.T) & (self.count > 1)
        scale = np.sqrt(self.squares) * np.sqrt(self.squares.T)
        out = np.full_like(self.products, np.nan)
        np.divide(self.products, scale, out=out, where=varies & (scale > 0))
        return np.clip(out, -1.0, 1.0)

    def _check_fits(self, other: Moments) -> None:
        if self.count.shape != other.count.shape:
            raise UsageError(
                f"Moments of {len(self.count)} and of {len(other.count)} columns cannot be combined."
            )
