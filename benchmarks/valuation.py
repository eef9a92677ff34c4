"""Values of training rows: ours beside pyDVL, and how many wrong labels the lowest values find. Run by hand.

``python benchmarks/valuation.py PYTHON``, where PYTHON has pyDVL and scikit-learn (`pip install pydvl`).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table
from sklearn import datasets

import headwater as hw
from headwater.methods.shapley import knn_shapley
from headwater.recipes.row_values import row_values

SETS = {
    "digits": datasets.load_digits,
    "wine": datasets.load_wine,
    "breast cancer": datasets.load_breast_cancer,
    "iris": datasets.load_iris,
}
NOISE, K = 0.1, 10


def beside_pydvl(python: str, name: str) -> tuple[float, float, float]:
    """Return the largest difference of the values, and the seconds of both, on rows without ties."""
    values, classes = SETS[name](return_X_y=True)
    values = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)
    rng = np.random.default_rng(0)
    # Equally near rows have one value with us, and that of their place in the file with pyDVL.
    values += rng.normal(scale=1e-6, size=values.shape)
    order = rng.permutation(len(values))
    held, train = order[: len(order) // 4], order[len(order) // 4 :]
    began = time.perf_counter()
    ours = knn_shapley(values[train], classes[train], values[held], classes[held], k=K)
    seconds = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        rows, found = Path(folder) / "rows.npz", Path(folder) / "values.npy"
        np.savez(
            rows,
            features=values[train],
            labels=classes[train],
            judged=values[held],
            judged_labels=classes[held],
        )
        script = Path(__file__).parent / "peers" / "pydvl_values.py"
        done = subprocess.run(
            [python, str(script), str(rows), str(found), str(K)], check=True, capture_output=True, text=True
        )
        return float(np.abs(ours - np.load(found)).max()), seconds, float(done.stdout.split()[-1])


def wrong_labels_found(name: str) -> tuple[float, float]:
    """Return which share of 10 % wrong labels is among the lowest tenth and fifth of values."""
    values, classes = SETS[name](return_X_y=True)
    rng = np.random.default_rng(1)
    wrong = rng.random(len(classes)) < NOISE
    number = classes.max() + 1
    given = np.where(wrong, (classes + rng.integers(1, number, len(classes))) % number, classes)
    columns = {f"x{place}": values[:, place] for place in range(values.shape[1])}
    repo = hw.init("memory://")
    repo.import_(
        "rows", pa.table({"id": np.arange(len(given)), **columns, "label": given.astype(str)}), key="id"
    )
    found = row_values(repo["rows"], "label", k=K)
    bad = wrong[np.asarray(repo["rows"].to_arrow(["id"]).column(0))[found.rows]]
    order = np.argsort(found.values)
    shares = [bad[order[: round(part * len(order))]].sum() / bad.sum() for part in (0.1, 0.2)]
    return shares[0], shares[1]


def main() -> None:
    """Print a line for each set."""
    table = Table("set", "greatest difference", "ours, s", "pyDVL, s", "wrong labels in lowest 10 %", "20 %")
    for name in SETS:
        apart, ours, peer = beside_pydvl(sys.argv[1], name)
        tenth, fifth = wrong_labels_found(name)
        table.add_row(name, f"{apart:.1e}", f"{ours:.4f}", f"{peer:.3f}", f"{tenth:.0%}", f"{fifth:.0%}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
