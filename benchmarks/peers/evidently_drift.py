"""Evidently: drift of every column of the changed table beside the base, by its preset."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import pandas as pd
from evidently import Report
from evidently.presets import DataDriftPreset
from measure import arguments, measured

_, workload, folder = arguments()
COLUMNS = ["user", "amount", "score", "age", "flag", "country", "label"]


def compare() -> dict[str, Any]:
    """Read both versions and run the preset, which chooses a distance for each column by its type."""
    base, changed = (
        pd.read_parquet(workload / f"{name}.parquet", columns=COLUMNS) for name in ("base", "changed")
    )
    result = Report([DataDriftPreset()]).run(changed, base)
    return {"columns": len(COLUMNS), "metrics": len(result.dict()["metrics"])}


warnings.simplefilter("ignore")
measured(compare)
