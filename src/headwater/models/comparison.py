"""Two models on the same rows: the paired difference of every metric, by part and by gap, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from headwater.methods.distributions import two_sided_z
from headwater.methods.intervals import percentile_interval
from headwater.models.evaluation import RESAMPLES, Part, draws, groups_of, plain
from headwater.models.gaps import gap, rates
from headwater.models.metrics import Metric, metrics_for
from headwater.recipes.base import Labels

__all__ = ["FEW", "Change", "Verdict", "compare", "compare_gaps"]

F64 = NDArray[np.float64]
Mask = NDArray[np.bool_]
Verdict = Literal["better", "worse", "no clear difference"]

FEW = 30
"""Parts with fewer rows get no verdict."""

_POWER = 2.8
_NOTHING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How a metric of one part of the held-out rows changed.

    Parameters
    ----------
    part, kind : str
        Which rows: ``all``, a slice, a group; or, of kind ``gap``, the feature whose groups are compared.
    rows : int
        How many.
    metric : str
        Name of the metric.
    base, head : float
        Its value before and after, the mean over the seeds.
    difference : float
        ``head - base``.
    interval : tuple of float
        95 % interval of the difference.
    verdict : str
        ``better`` or ``worse`` if the difference is clear, in the metric's direction.
    detectable : float
        The smallest difference that this comparison would have shown in 4 of 5 cases.
    """

    part: str
    kind: str
    rows: int
    metric: str
    base: float
    head: float
    difference: float
    interval: tuple[float, float]
    verdict: Verdict
    detectable: float

    def to_dict(self) -> dict[str, Any]:
        """Return the change as JSON-able values; what is not defined is null."""
        out = {**asdict(self), "interval": list(self.interval)}
        return {name: plain(value) for name, value in out.items()}


def compare(
    truth: Labels,
    before: F64,
    after: F64,
    parts: Sequence[Part],
    chosen: Metric,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    everything: bool = True,
    tests: int = 1,
) -> list[Change]:
    """Compare two models: all metrics on the first part, the chosen one on the others.

    Parameters
    ----------
    truth : Labels
        The labels of n rows; a class of -1 is unknown, and its row is left out.
    before, after : numpy.ndarray of float, shape (seeds, n, k)
        What each seed's model says, the same rows and seeds on both sides.
    parts : sequence of Part
        Which rows to judge together; the first is all of them.
    chosen : Metric
        The metric that decides.
    rng : numpy.random.Generator
        Draws the resamples.
    resamples : int
        How many.
    everything : bool
        Whether to compute all metrics on the first part; else only the chosen one there too.
    tests : int
        Of how many such comparisons this is one: the more there are, the clearer a difference must be.

    Returns
    -------
    list of Change

    Notes
    -----
    The interval is a percentile bootstrap of rows and seeds, drawn independently and the same for both sides.
    It counts what is peculiar to one row and one seed twice and so errs on the wide side: between versions that
    differ by chance alone it left zero out in fewer than 5 of 100 runs (see docs/decisions/0004-recipes.md).
    Verdicts on the other parts, of which there may be many, ask for more than their interval: all of them
    together are wrong in one of twenty reports at most (Bonferroni).

    References
    ----------
    Efron, Tibshirani (1993). An introduction to the bootstrap. doi:10.1201/9780429246593
    Owen (2007). The pigeonhole bootstrap. Annals of Applied Statistics 1(2). doi:10.1214/07-AOAS122
    """
    known = truth.values >= 0 if truth.classes else np.ones(len(truth.values), np.bool_)
    out = []
    for place, part in enumerate(parts):
        rows = part.rows & known
        weights = draws(int(rows.sum()), resamples, rng)
        shares = _shares(len(before), resamples, rng)
        picked = Labels(values=truth.values[rows], classes=truth.classes)
        others = [found for found in metrics_for(truth) if found.name != chosen.name]
        for found in [chosen, *others] if place == 0 and everything else [chosen]:
            first, second = (
                _over_seeds([found.compute(picked, said, weights) for said in side[:, rows]], shares)
                for side in (before, after)
            )
            out.append(
                _change(
                    part.name,
                    part.kind,
                    int(rows.sum()),
                    found.name,
                    found.higher_is_better,
                    first,
                    second,
                    tests=tests * (1 if place == 0 else len(parts) - 1),
                )
            )
    return out


def compare_gaps(
    truth: Labels,
    before: F64,
    after: F64,
    parts: Sequence[Part],
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
) -> list[Change]:
    """Compare the gaps between the groups of each sensitive feature; see `headwater.models.gaps`.

    Parameters
    ----------
    truth, before, after, parts, rng, resamples
        As in `compare`; only parts that are groups count.

    Returns
    -------
    list of Change
        Of kind ``gap``; a smaller gap is better. Features with fewer than two groups of 30 rows have none.
    """
    known = truth.values >= 0 if truth.classes else np.ones(len(truth.values), np.bool_)
    picked = Labels(values=truth.values[known], classes=truth.classes)
    features = groups_of(parts, known)
    weights = draws(int(known.sum()), resamples, rng)
    shares = _shares(len(before), resamples, rng)
    sides = [[rates(picked, said) for said in side[:, known]] for side in (before, after)]
    names = [rate.name for rate in sides[0][0]]
    out = []
    for feature, masks in features.items():
        rows = int(np.any(masks, axis=0).sum())
        for place, name in enumerate(names):
            first, second = (
                _over_seeds([gap(found[place], masks, weights) for found in side], shares) for side in sides
            )
            tests = len(features) * len(names)
            out.append(_change(feature, "gap", rows, name, False, first, second, tests=tests))
    return out


def _shares(seeds: int, resamples: int, rng: np.random.Generator) -> F64:
    """Return the share of each seed in each resample; in the first each has the same."""
    drawn = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples)
    return np.vstack([np.ones((1, seeds)), drawn]) / seeds


def _over_seeds(scores: Sequence[F64], shares: F64) -> F64:
    """Return the mean of the seeds' scores, each shape (b,), as the seeds were drawn."""
    mean: F64 = (np.stack(scores, axis=1) * shares).sum(axis=1)
    return mean


def _change(
    part: str,
    kind: str,
    rows: int,
    metric: str,
    higher_is_better: bool,
    before: F64,
    after: F64,
    *,
    tests: int,
) -> Change:
    differences = (after - before)[1:]
    differences = differences[~np.isnan(differences)]
    low, high = percentile_interval(differences) if len(differences) else (float("nan"), float("nan"))
    difference = float(after[0] - before[0])
    deviation = float(differences.std()) if len(differences) else float("nan")
    verdict: Verdict = "no clear difference"
    clear = low > _NOTHING or high < -_NOTHING
    if tests > 1:
        clear &= abs(difference) > two_sided_z(1 - 0.05 / tests) * deviation
    if rows >= FEW and clear:
        verdict = "better" if (difference > 0) == higher_is_better else "worse"
    return Change(
        part=part,
        kind=kind,
        rows=rows,
        metric=metric,
        base=float(before[0]),
        head=float(after[0]),
        difference=difference,
        interval=(low, high),
        verdict=verdict,
        detectable=_POWER * deviation,
    )
