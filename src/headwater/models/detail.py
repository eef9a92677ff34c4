"""Details of an evaluation: which classes are taken for which, each class by itself, calibration, residuals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from headwater.methods.calibration import calibration
from headwater.methods.distributions import two_sided_z
from headwater.methods.intervals import percentile_interval, wilson
from headwater.models.evaluation import RESAMPLES, plain
from headwater.recipes.base import Labels

__all__ = ["detail_of"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def detail_of(
    labels: Labels,
    predictions: F64,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Return the details of an evaluation as JSON-able values.

    Parameters
    ----------
    labels : Labels
        The truth, n rows.
    predictions : numpy.ndarray of float, shape (n, k)
        What the model says.
    rng : numpy.random.Generator
        Draws the resamples.
    confidence : float
        Of the intervals.
    resamples : int
        How many.

    Returns
    -------
    dict
        Of classes: ``confusion``, the rows of each label and prediction that occur together, the most frequent first;
        ``classes`` with ``precision``, ``recall`` (Wilson's intervals) and ``f1`` (bootstrap) of each;
        ``calibration`` of the second of two classes, or of the class that is predicted; see
        `headwater.methods.calibration.calibration`. Of numbers: ``residuals``, the mean and quantiles of truth minus
        prediction; their intervals are order statistics. Nothing of no rows.
    """
    if not len(labels.values):
        return {}
    if not labels.classes:
        return {"residuals": _residuals(labels.values - predictions[:, 0], confidence)}
    truth, said = labels.values.astype(np.int64), predictions.argmax(axis=1)
    cells, rows = np.unique(truth * len(labels.classes) + said, return_counts=True)
    own, called = np.divmod(cells, len(labels.classes))
    order = np.argsort(-rows, kind="stable")
    if len(labels.classes) == 2:
        found = calibration(predictions[:, 1].clip(0, 1), truth == 1, rng=rng, confidence=confidence)
    else:
        found = calibration(predictions.max(axis=1).clip(0, 1), truth == said, rng=rng, confidence=confidence)
    return {
        "confusion": [
            {
                "label": labels.classes[own[at]],
                "predicted": labels.classes[called[at]],
                "rows": int(rows[at]),
            }
            for at in order.tolist()
        ],
        "classes": _classes(labels.classes, own, called, rows, rng, confidence, resamples),
        "calibration": found.to_dict(),
    }


def _classes(
    names: tuple[str, ...],
    own: I64,
    called: I64,
    rows: I64,
    rng: np.random.Generator,
    confidence: float,
    resamples: int,
) -> list[dict[str, Any]]:
    """Return precision, recall and F1 of each class; the bootstrap draws from the cells that occur."""
    total = int(rows.sum())
    drawn = np.vstack([rows, rng.multinomial(total, rows / total, size=resamples)]).astype(np.float64)
    right = _sums(np.where(own == called, drawn, 0.0), own, len(names))
    there, calls = _sums(drawn, own, len(names)), _sums(drawn, called, len(names))
    f1 = np.divide(2 * right, there + calls, out=np.full(right.shape, np.nan), where=there + calls > 0)
    precision, recall = wilson(right[0], calls[0], confidence), wilson(right[0], there[0], confidence)
    out = []
    for place, name in enumerate(names):
        found, n, m = right[0, place], calls[0, place], there[0, place]
        out.append(
            {
                "label": name,
                "rows": int(m),
                "precision": found / n if n else None,
                "precision_interval": [float(end[place]) for end in precision] if n else None,
                "recall": found / m if m else None,
                "recall_interval": [float(end[place]) for end in recall] if m else None,
                "f1": plain(float(f1[0, place])),
                "f1_interval": plain([float(end) for end in percentile_interval(f1[1:, place], confidence)]),
            }
        )
    return out


def _sums(drawn: F64, codes: I64, size: int) -> F64:
    """Return the sums of columns with the same code, shape (draws, size)."""
    order = np.argsort(codes, kind="stable")
    running = np.zeros((len(drawn), len(codes) + 1))
    np.cumsum(drawn[:, order], axis=1, out=running[:, 1:])
    ends = np.searchsorted(codes[order], np.arange(size), side="right")
    starts = np.searchsorted(codes[order], np.arange(size), side="left")
    out: F64 = running[:, ends] - running[:, starts]
    return out


def _residuals(off: F64, confidence: float) -> dict[str, Any]:
    ordered = np.sort(off)
    n, z = len(ordered), two_sided_z(confidence)
    listed = []
    for share in _QUANTILES:
        half = z * np.sqrt(n * share * (1 - share))
        low, high = (int(np.clip(place, 0, n - 1)) for place in (n * share - half - 1, n * share + half))
        listed.append(
            {
                "quantile": share,
                "value": float(np.quantile(ordered, share)),
                "interval": [float(ordered[low]), float(ordered[high])],
            }
        )
    return {"mean": float(off.mean()), "quantiles": listed}
