"""The peer of ``valuation.py``: pyDVL's exact KNN-Shapley values of the same rows.

Run as ``python pydvl_values.py ROWS.npz VALUES.npy K`` in an environment with pyDVL and scikit-learn.
"""

from __future__ import annotations

import sys
import time
import warnings

import numpy as np

warnings.simplefilter("ignore")
from pydvl.valuation.dataset import Dataset  # noqa: E402
from pydvl.valuation.methods import KNNShapleyValuation  # noqa: E402
from sklearn.neighbors import KNeighborsClassifier  # noqa: E402


def main() -> None:
    rows = np.load(sys.argv[1])
    began = time.perf_counter()
    method = KNNShapleyValuation(
        KNeighborsClassifier(n_neighbors=int(sys.argv[3])),
        Dataset(rows["judged"], rows["judged_labels"]),
        progress=False,
    )
    method.fit(Dataset(rows["features"], rows["labels"]))
    np.save(sys.argv[2], np.asarray(method.result.values))
    print(time.perf_counter() - began)


if __name__ == "__main__":
    main()
