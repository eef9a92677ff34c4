"""Find and repair wrong cells: published errors without and with labels, clean data, errors put into clean data, time.

Run by hand: ``python benchmarks/errors.py DATA [--rows 1000000]``, where DATA is a folder with ``raha_hospital`` and
``raha_beers`` (each ``dirty.csv.gz`` and ``clean.csv.gz``). Cells are compared as text, as Raha does. Further folders
of it (``fairness``, ``er_fodors_zagats``) are clean data: what is found there is mostly false.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc

import headwater as hw

KEY = "_row"
CLEAN = {
    "adult": ("fairness/adult.csv.gz", 20_000),
    "fodors": ("er_fodors_zagats/fodors.csv.gz", None),
    "zagats": ("er_fodors_zagats/zagats.csv.gz", None),
    "hospital, clean": ("raha_hospital/clean.csv.gz", None),
    "beers, clean": ("raha_beers/clean.csv.gz", None),
}


def read(path: Path, rows: int | None = None) -> pa.Table:
    """Return a CSV as text, with its rows numbered."""
    names = pc.open_csv(path).schema.names
    options = pc.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    table = pc.read_csv(path, convert_options=options).drop_columns(
        [n for n in names if n in ("index", "id")]
    )
    return table.slice(0, rows).add_column(
        0, KEY, pa.array(range(min(rows or table.num_rows, table.num_rows)))
    )


def texts(table: pa.Table, name: str) -> np.ndarray:
    return np.array([*table.column(name).to_pylist(), None], object)[:-1]


def score(dirty: pa.Table, clean: pa.Table, labels: int = 0, step: int = 5) -> str:
    """Return precision, recall and F1 of detection and repair, with so many labelled rows."""
    clean = clean.rename_columns(dirty.column_names)
    repo = hw.init("memory://")
    with repo.transaction("dirty") as tx:
        tx.append("d", dirty, key=KEY)
    names = dirty.column_names[1:]
    truth = {name: texts(dirty, name) != texts(clean, name) for name in names}
    right = {name: texts(clean, name) for name in names}
    begun = time.perf_counter()
    for _ in range(0, labels, step):
        asked = repo.ask_errors("d", step)
        rows = [int(key) for key in asked["_key"].to_pylist()]
        answers = {name: right[name][rows].tolist() for name in asked.column_names[1:]}
        repo.confirm_errors("d", pa.table({"_key": asked["_key"], **answers}))
    found = repo.errors("d").to_pylist()
    seconds = time.perf_counter() - begun
    errors = sum(int(mask.sum()) for mask in truth.values())
    hits = sum(bool(truth[cell["column"]][cell["row"]]) for cell in found)
    said = [cell for cell in found if cell["suggestion"] is not None]
    good = sum(truth[c["column"]][c["row"]] and c["suggestion"] == right[c["column"]][c["row"]] for c in said)
    return (
        f"{labels:2} rows labelled: detection {f1(hits, len(found), errors)}, repair {f1(good, len(said), errors)}, "
        f"{seconds:.1f} s"
    )


def f1(hits: int, found: int, errors: int) -> str:
    precision, recall = hits / max(found, 1), hits / max(errors, 1)
    return f"P {precision:.3f} R {recall:.3f} F1 {2 * hits / max(found + errors, 1):.3f}"


def spoilt(table: pa.Table, rate: float, seed: int) -> pa.Table:
    """Return a table with typing errors, placeholders, missing, exchanged and scaled values in its cells."""
    rng = np.random.default_rng(seed)
    out = {KEY: table.column(KEY)}
    for name in table.column_names[1:]:
        values = texts(table, name)
        for row in np.flatnonzero(rng.random(len(values)) < rate).tolist():
            values[row] = spoil(values[row], values, rng)
        out[name] = pa.array(values, pa.string())
    return pa.table(out)


def spoil(value: str, values: np.ndarray, rng: np.random.Generator) -> str:
    kind = rng.integers(5)
    if kind == 0:
        return ""
    if kind == 1:
        return "N/A"
    if kind == 2:
        return str(values[rng.integers(len(values))])
    try:
        return str(float(value) * (100, 1000)[int(rng.integers(2))])
    except ValueError:
        pass
    if len(value) < 2:
        return value
    place, letter = int(rng.integers(len(value) - 1)), "abcdefghijklmnopqrstuvwxyz"[rng.integers(26)]
    if kind == 3:
        return value[:place] + letter + value[place + 1 :]
    return value[:place] + value[place + 1] + value[place] + value[place + 2 :]


def large(rows: int) -> str:
    """Return how long a made table of 12 columns takes, at first and after an append."""
    rng = np.random.default_rng(0)
    depot = rng.integers(0, 500, rows)
    with tempfile.TemporaryDirectory() as folder:
        repo = hw.init(folder)
        table = pa.table(
            {
                KEY: np.arange(rows),
                "depot": pa.array([f"D-{n:04}" for n in depot]),
                "town": pa.array([f"town {n}" for n in depot % 90]),
                "phone": pa.array([f"555-{4000 + n}" for n in depot]),
                "name": pa.array([f"{a} {b}" for a, b in rng.integers(0, 3000, (rows, 2)).tolist()]),
                "code": pa.array([f"AB-{n:06}" for n in rng.integers(0, 10**6, rows)]),
                "day": pa.array([f"2026-{m:02}-{d:02}" for m, d in rng.integers(1, 13, (rows, 2)).tolist()]),
                "amount": np.round(rng.lognormal(3, 1, rows), 2),
                "count": rng.integers(0, 100, rows),
                "grade": pa.array(np.array(["a", "b", "c", "d"])[rng.integers(0, 4, rows)]),
                "weight": pa.array([f"{n:.1f}" for n in rng.normal(70, 10, rows)]),
                "flag": rng.random(rows) < 0.5,
            }
        )
        with repo.transaction("rows") as tx:
            tx.append("d", table, key=KEY)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun = time.perf_counter()
        repo.errors("d")
        first = time.perf_counter() - begun
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        more = table.slice(0, 10_000)
        with repo.transaction("more") as tx:
            tx.append("d", more.set_column(0, KEY, pa.array(np.arange(rows, rows + 10_000))))
        begun = time.perf_counter()
        repo.errors("d")
        again = time.perf_counter() - begun
    return (
        f"{rows:,} rows × {table.num_columns}: {first:.1f} s and {(after - before) / 1024:,.0f} MB more; "
        f"10,000 rows appended: {again:.1f} s"
    )


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    given = parser.parse_args()
    for name in ("raha_hospital", "raha_beers"):
        dirty, clean = (read(given.data / name / f"{kind}.csv.gz") for kind in ("dirty", "clean"))
        for labels in (0, 10, 20):
            print(f"{name}, {score(dirty, clean, labels)}", flush=True)
    for name, (path, rows) in CLEAN.items():
        if (given.data / path).exists():
            table = read(given.data / path, rows)
            repo = hw.init("memory://")
            with repo.transaction("clean") as tx:
                tx.append("d", table, key=KEY)
            found = repo.errors("d")
            cells = table.num_rows * (table.num_columns - 1)
            reasons = {
                entry["values"]: entry["counts"] for entry in found["reason"].value_counts().to_pylist()
            }
            print(
                f"{name}: {found.num_rows / cells:.3%} of {cells:,} cells called wrong {reasons}", flush=True
            )
            dirty = spoilt(table, 0.03, 1)
            for labels in (0, 20):
                print(f"{name}, 3 % spoilt, {score(dirty, table, labels)}", flush=True)
    print(large(given.rows))


if __name__ == "__main__":
    main()
