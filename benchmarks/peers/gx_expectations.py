"""Great Expectations on pandas: the ten usual expectations."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
from measure import arguments, measured

_, workload, folder = arguments()
file = workload / "base.parquet"
columns = ["user", "id", "age", "country", "email", "score", "amount"]
rows = len(pd.read_parquet(file, columns=["id"]))
context = gx.get_context(mode="ephemeral")
asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("data")
definition = asset.add_batch_definition_whole_dataframe("all")
suite = gx.ExpectationSuite(
    name="usual",
    expectations=[
        gxe.ExpectColumnValuesToNotBeNull(column="user"),
        gxe.ExpectColumnValuesToBeUnique(column="id"),
        gxe.ExpectColumnValuesToBeBetween(column="age", min_value=0, max_value=120),
        gxe.ExpectColumnValuesToBeInSet(column="country", value_set=["DE", "FR", "US", "GB", "IN", "CN"]),
        gxe.ExpectColumnValuesToMatchRegex(column="email", regex=r"^[^@\s]+@[^@\s]+\.[a-z]+$"),
        gxe.ExpectColumnValuesToBeOfType(column="score", type_="float64"),
        gxe.ExpectTableRowCountToBeBetween(min_value=rows // 2, max_value=rows * 2),
        gxe.ExpectColumnMeanToBeBetween(column="amount", min_value=90, max_value=110),
        gxe.ExpectColumnQuantileValuesToBeBetween(
            column="amount", quantile_ranges={"quantiles": [0.5], "value_ranges": [[70, 100]]}
        ),
        gxe.ExpectColumnPairValuesAToBeGreaterThanB(column_A="amount", column_B="score", mostly=0.99),
    ],
)


def validate() -> dict[str, Any]:
    """Read the columns and run the suite."""
    frame = pd.read_parquet(file, columns=columns)
    batch = definition.get_batch(batch_parameters={"dataframe": frame})
    result = batch.validate(suite)
    return {"passed": int(sum(bool(item.success) for item in result.results))}


measured(validate)
