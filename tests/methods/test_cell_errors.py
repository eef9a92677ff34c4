"""All detectors together: published data with known errors, clean data, and laws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from headwater.methods.cell_errors import CellModel, Verdict, learn
from headwater.methods.coded_values import Coded, encode


def columns_of(table: pa.Table) -> dict[str, Coded]:
    return {
        name: encode(table.column(name), is_text=pa.types.is_string(table.schema.field(name).type))
        for name in table.column_names
    }


def judged(table: pa.Table) -> tuple[CellModel, dict[str, Verdict]]:
    columns = columns_of(table)
    model = learn(columns, rng=np.random.default_rng(0))
    return model, model.judge(columns)


def wrong(table: pa.Table) -> dict[str, list[int]]:
    _, verdicts = judged(table)
    found = {name: np.flatnonzero(verdict.chance > 0.5).tolist() for name, verdict in verdicts.items()}
    return {name: rows for name, rows in found.items() if rows}


def read(path: Path) -> pa.Table:
    names = pa.csv.open_csv(path).schema.names
    options = pa.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    return pa.csv.read_csv(path, convert_options=options)


@pytest.mark.parametrize(
    ("name", "detection", "repair"), [("raha_hospital", 0.99, 0.95), ("raha_beers", 0.99, 0.99)]
)
def test_published_errors_are_found_and_mended_without_labels(
    shared: Path, name: str, detection: float, repair: float
) -> None:
    dirty, clean = (read(shared / name / f"{kind}.csv.gz") for kind in ("dirty", "clean"))
    dirty, clean = dirty.drop_columns(dirty.column_names[:1]), clean.drop_columns(clean.column_names[:1])
    _, verdicts = judged(dirty)
    found = hits = errors = suggested = right = 0
    for column, other in zip(dirty.column_names, clean.column_names, strict=True):
        was, is_ = (np.array(one.to_pylist(), object) for one in (dirty.column(column), clean.column(other)))
        rows = np.flatnonzero(verdicts[column].chance > 0.5)
        _, suggestion, _ = verdicts[column].best(rows)
        found, hits, errors = (
            found + len(rows),
            hits + int((was != is_)[rows].sum()),
            errors + int((was != is_).sum()),
        )
        suggested += int((suggestion != np.array(None)).sum())
        right += int(((suggestion == is_[rows]) & (was != is_)[rows]).sum())
    assert 2 * hits / (found + errors) >= detection
    assert 2 * right / (suggested + errors) >= repair


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("er_fodors_zagats/fodors.csv.gz", 0.005),
        ("er_fodors_zagats/zagats.csv.gz", 0.005),
        ("raha_hospital/clean.csv.gz", 0.001),
        ("raha_beers/clean.csv.gz", 0.002),
    ],
)
def test_clean_data_are_left_alone(shared: Path, path: str, most: float) -> None:
    table = read(shared / path)
    table = table.drop_columns(table.column_names[:1])
    assert sum(map(len, wrong(table).values())) <= most * table.num_rows * table.num_columns


def test_a_weight_that_few_rows_share_does_not_determine_their_sex(shared: Path) -> None:
    table = pyarrow.csv.read_csv(shared / "fairness" / "adult.csv.gz").select(["fnlwgt", "education", "sex"])
    _, verdicts = judged(table)
    assert not any(clue.chance.any() for clue in verdicts["sex"].clues if clue.reason == "dependency")
    assert verdicts["sex"].chance.max() <= 0.5


def test_letters_that_stand_for_digits_are_not_left_out_for_sure(shared: Path) -> None:
    dirty, clean = (read(shared / "raha_hospital" / f"{kind}.csv.gz") for kind in ("dirty", "clean"))
    clean = clean.rename_columns(dirty.column_names)
    _, verdicts = judged(dirty)
    rows = np.flatnonzero(verdicts["sample"].chance > 0.5)
    _, suggestion, confidence = verdicts["sample"].best(rows)
    truth = np.array(clean["sample"].to_pylist(), object)[rows]
    wrong = (suggestion != truth) & (suggestion != np.array(None))
    shorter = wrong & (np.array([len(one or "") for one in suggestion]) < [len(one) for one in truth])
    assert shorter.sum() >= 3
    assert confidence[shorter].max() < 0.1


def orders(rows: int = 400) -> pa.Table:
    rng = np.random.default_rng(5)
    shop = rng.integers(0, 8, rows)
    towns = np.array(
        ["Salem", "Boston", "Lynnfield", "Quincy", "Newton", "Malden", "Revere", "Medford"], object
    )
    return pa.table(
        {
            "shop": pa.array([f"S-{n:03}" for n in shop]),
            "town": pa.array(towns[shop]),
            "phone": pa.array([f"555-{4000 + n}" for n in shop]),
            "amount": pa.array(np.round(rng.lognormal(3, 0.5, rows), 2)),
            "day": pa.array([f"2026-{m:02}-{d:02}" for m, d in rng.integers(1, 13, (rows, 2))]),
        }
    )


def test_a_table_without_errors_has_no_flags() -> None:
    assert wrong(orders()) == {}


def test_errors_of_each_kind_are_found_with_what_was_meant() -> None:
    table = orders().to_pydict()
    truth = {("town", 3): table["town"][3], ("town", 9): table["town"][9], ("phone", 17): table["phone"][17]}
    table["town"][3] = table["town"][3] + "n"
    table["town"][9] = "Malden" if table["town"][9] != "Malden" else "Salem"
    table["phone"][17] = None
    table["day"][20], table["day"][21], table["amount"][30] = "n/a", "2026-1x-01", 99_000.0
    _, verdicts = judged(pa.table(table))
    for (column, row), meant in truth.items():
        assert verdicts[column].chance[row] > 0.5
        assert verdicts[column].best(np.array([row]))[1][0] == meant
    assert verdicts["day"].chance[[20, 21]].min() > 0.5
    assert verdicts["amount"].chance[30] > 0.5
    assert sum(int((verdict.chance > 0.5).sum()) for verdict in verdicts.values()) == 6


def test_the_order_of_rows_does_not_matter(rng: np.random.Generator) -> None:
    table = orders().to_pydict()
    table["town"][3], table["day"][7] = "Bostn", "?"
    first = pa.table(table)
    order = rng.permutation(first.num_rows)
    _, one = judged(first)
    _, other = judged(first.take(pa.array(order)))
    for name in first.column_names:
        np.testing.assert_allclose(one[name].chance[order], other[name].chance, atol=1e-12)


def test_rows_that_were_not_learnt_from_are_judged_alike() -> None:
    table = orders(800)
    columns = columns_of(table.slice(0, 400))
    model = learn(columns, rng=np.random.default_rng(0))
    fresh = table.slice(400).to_pydict()
    fresh["town"][5], fresh["phone"][6], fresh["day"][8] = "Lynnfeild", "555-40", "N/A"
    verdicts = model.judge(columns_of(pa.table(fresh)))
    found = {
        name: np.flatnonzero(verdict.chance > 0.5).tolist()
        for name, verdict in verdicts.items()
        if (verdict.chance > 0.5).any()
    }
    assert found == {"town": [5], "phone": [6], "day": [8]}


def test_a_value_behind_another_columns_value_is_put_where_it_belongs() -> None:
    city, state = ["Salem", "Bend", "Lynn"] * 30, ["OR", "OR", "MA"] * 30
    for row in (4, 40, 62, 77):
        city[row], state[row] = f"{city[row]} {state[row]}", ""
    _, verdicts = judged(pa.table({"city": city, "state": state, "n": list(range(90))}))
    for name, meant in (("city", "Bend"), ("state", "OR")):
        assert verdicts[name].chance[4] > 0.5
        assert verdicts[name].best(np.array([4]))[1][0] == meant


@given(
    st.lists(
        st.tuples(
            st.one_of(st.none(), st.text(max_size=6)), st.one_of(st.none(), st.floats()), st.booleans()
        ),
        max_size=25,
    )
)
def test_any_table_can_be_judged(rows: list[tuple[str | None, float | None, bool]]) -> None:
    table = pa.table(
        {
            "a": pa.array([row[0] for row in rows], pa.string()),
            "b": pa.array([row[1] for row in rows], pa.float64()),
            "c": pa.array([row[2] for row in rows], pa.bool_()),
        }
    )
    for verdict in judged(table)[1].values():
        chance: NDArray[np.float64] = verdict.chance
        assert chance.shape == (len(rows),)
        assert np.isfinite(chance).all()
        assert ((chance >= 0) & (chance <= 1)).all()
