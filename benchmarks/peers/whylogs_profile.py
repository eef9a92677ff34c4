"""whylogs on pandas: a profile of all columns."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

# It would tell its makers that it is used, and wait for that.
os.environ["WHYLOGS_NO_ANALYTICS"] = "True"
sys.path.insert(0, str(Path(__file__).parents[1]))

import pandas as pd
import whylogs
from measure import arguments, measured

_, workload, folder = arguments()


def profile() -> dict[str, Any]:
    """Read the table and log it."""
    frame = pd.read_parquet(workload / "base.parquet")
    view = whylogs.log(pandas=frame).view()
    return {"rows": len(frame), "columns": len(view.get_columns())}


measured(profile)
