"""Outlier detection on published sets: ours beside scikit-learn's detectors. ``python benchmarks/outliers.py FOLDER``.

The folder holds ``.npz`` files with ``X`` and ``y`` (1 is an outlier), as ADBench publishes them.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.ensemble import IsolationForest
from sklearn.metrics import f1_score, roc_auc_score
from sklearn.neighbors import LocalOutlierFactor

from headwater.methods.outlier_scores import Detector

Scored = tuple[np.ndarray, np.ndarray]


def ours(values: np.ndarray) -> Scored:
    """Score by the ensemble and cut by its own threshold."""
    found = Detector.of(values, seed=0)
    scores = found.scores(values)
    return scores, scores > found.threshold


def customary(scores: np.ndarray) -> Scored:
    """Cut at the customary 10 %."""
    return scores, scores > np.quantile(scores, 0.9)


DETECTORS: dict[str, Callable[[np.ndarray], Scored]] = {
    "ours": ours,
    "isolation forest": lambda x: customary(-IsolationForest(random_state=0).fit(x).score_samples(x)),
    "local outlier factor": lambda x: customary(-LocalOutlierFactor(20).fit(x).negative_outlier_factor_),
}


def main(folder: Path) -> None:
    """Print the area under the ROC curve and F1 of each detector on each set."""
    warnings.simplefilter("ignore")
    table = Table("set", "rows", *(f"{name}: AUROC, F1, s" for name in DETECTORS))
    totals: dict[str, list[tuple[float, float, float]]] = {name: [] for name in DETECTORS}
    for file in sorted(folder.glob("*.npz")):
        data = np.load(file)
        values, truth = data["X"].astype(float), data["y"]
        for name, detect in DETECTORS.items():
            began = time.perf_counter()
            scores, outliers = detect(values)
            seconds = time.perf_counter() - began
            totals[name].append((roc_auc_score(truth, scores), f1_score(truth, outliers), seconds))
        table.add_row(file.stem, f"{len(truth):,}", *(_text(found[-1]) for found in totals.values()))
    table.add_row("mean", "", *(_text(tuple(np.mean(found, axis=0))) for found in totals.values()))
    Console(width=130).print(table)


def _text(figures: tuple[float, ...]) -> str:
    return f"{figures[0]:.3f}  {figures[1]:.3f}  {figures[2]:.2f}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
