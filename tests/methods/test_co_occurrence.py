"""Categories beside the other values of their row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from headwater.methods.co_occurrence import learn_company, usual_values
from headwater.methods.coded_values import Coded, encode


def columns(rows: int, rng: np.random.Generator, *, tied: bool) -> dict[str, Coded]:
    sex = rng.integers(0, 2, rows)
    title = np.where(rng.random(rows) < 0.7, sex, 2) if tied else rng.integers(0, 3, rows)
    name = np.where(rng.random(rows) < 0.9, sex, 2) if tied else rng.integers(0, 3, rows)
    values = {
        "sex": np.array(["f", "m"])[sex],
        "title": np.array(["Ms", "Mr", "Dr"])[title],
        "form": np.array(["her", "his", "their"])[name],
    }
    values["sex"][0] = "m" if title[0] == 0 or name[0] == 0 else "f"
    return {key: encode(pa.array(value), is_text=True) for key, value in values.items()}


def test_a_value_that_never_comes_with_the_others_is_improbable(rng: np.random.Generator) -> None:
    table = columns(2_000, rng, tied=True)
    often = {name: usual_values(column) for name, column in table.items()}
    company = learn_company("sex", table, often)
    assert company is not None
    found = company.judge(table["sex"].codes, {name: table[name].codes for name in company.beside})
    assert found.chance.max() > 0.5
    assert (found.chance > 0.5).mean() < 0.01


def test_columns_that_say_nothing_of_each_other_teach_nothing(rng: np.random.Generator) -> None:
    table = columns(2_000, rng, tied=False)
    often = {name: usual_values(column) for name, column in table.items()}
    assert learn_company("title", table, often) is None


def test_too_few_rows_teach_nothing(rng: np.random.Generator) -> None:
    table = columns(50, rng, tied=True)
    assert learn_company("sex", table, {name: usual_values(column) for name, column in table.items()}) is None
