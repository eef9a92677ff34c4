"""Entity resolution without labels: F1 on published sets beside the nearest by tf-idf, and the time of 1 % more.

Run by hand: ``python benchmarks/entities.py DATA``, where DATA has the folders er_dblp_acm, er_fodors_zagats (two
tables each, and the true pairs) and er_febrl (persons; ids name the original).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console
from rich.table import Table

import headwater as hw
from headwater.formats.read import read, read_table
from headwater.methods.buckets import components
from headwater.recipes.entities import entity_fields, entity_pairs, link_rows
from headwater.recipes.tfidf import TfIdf

Pairs = set[tuple[str, str]]


def as_text(path: Path) -> pa.Table:
    """Return a file with all its columns as text."""
    return read_table(path, schema=dict.fromkeys(read(path).schema.names, pa.string()))


def f1(found: Pairs, truth: Pairs) -> float:
    """Return the harmonic mean of precision and recall."""
    return 2 * len(found & truth) / max(len(found) + len(truth), 1)


def texts(table: pa.Table, fields: tuple[str, ...]) -> pa.Table:
    """Return each row as one text."""
    columns = [pc.fill_null(table.column(name).cast(pa.string()), "") for name in fields]
    return pa.table({"text": pc.binary_join_element_wise(*columns, " ")})


def nearest(left: pa.Table, right: pa.Table, fields: tuple[str, ...], threshold: float) -> Any:
    """Return for each row of the left table its nearest of the right one by tf-idf, where it is near enough."""
    both = pa.concat_tables([texts(left, fields), texts(right, fields)])
    matrix = TfIdf.learn(both, least_texts=1)[1]
    near = (matrix[: left.num_rows] @ matrix[left.num_rows :].T).tocsr()
    best = np.asarray(near.argmax(axis=1)).ravel()
    score = np.asarray(near.max(axis=1).todense()).ravel() / 2
    rows = np.flatnonzero(score >= threshold)
    return rows, best[rows]


def two_tables(folder: Path, names: tuple[str, str]) -> tuple[str, float, float, float]:
    """Return the F1 of ours and of the nearest by the best threshold for it, and our seconds."""
    tables = [as_text(folder / f"{name}.csv.gz") for name in names]
    true = as_text(folder / "truth.csv.gz")
    truth = set(zip(true.column(0).to_pylist(), true.column(1).to_pylist(), strict=True))
    repo = hw.init("memory://")
    for name, table in zip(names, tables, strict=True):
        repo.import_(name, table, key="id")
    left, right = repo[names[0]], repo[names[1]]
    began = time.perf_counter()
    fields = entity_fields(left, (), other=right)
    found = link_rows(left, right, fields)
    seconds = time.perf_counter() - began
    ids = [side.to_arrow(["id"])["id"].to_pylist() for side in (left, right)]
    ours = {(ids[0][a], ids[1][b]) for a, b in zip(found.left, found.right, strict=True)}
    scores = []
    for threshold in np.arange(0.2, 0.9, 0.05):
        rows, best = nearest(left.to_arrow(), right.to_arrow(), fields, float(threshold))
        scores.append(f1({(ids[0][a], ids[1][b]) for a, b in zip(rows, best, strict=True)}, truth))
    return " and ".join(names), f1(ours, truth), max(scores), seconds


def people(folder: Path, name: str) -> tuple[str, float, float, float, float]:
    """Return the F1 of ours on duplicates inside one table, its seconds, and those after 1 % more rows."""
    table = as_text(folder / f"{name}.csv.gz")
    key = table.schema.names[0]
    original = [text.split("-")[1] for text in table.column(key).to_pylist()]
    groups: dict[str, list[str]] = {}
    for one, of in zip(table.column(key).to_pylist(), original, strict=True):
        groups.setdefault(of, []).append(one)
    truth = {tuple(sorted((a, b))) for group in groups.values() for a in group for b in group if a < b}
    repo = hw.init("memory://")
    more = table.num_rows // 100
    repo.import_("people", table.slice(more), key=key)
    took = []
    for part in (None, table.slice(0, more)):
        if part is not None:
            repo.import_("people", part, mode="append")
        began = time.perf_counter()
        found = entity_pairs(repo["people"], cache=repo.cache)
        took.append(time.perf_counter() - began)
    ids = repo["people"].to_arrow([key])[key].to_pylist()
    cluster = components(found.left, found.right, len(ids)).tolist()
    grouped: dict[int, list[str]] = {}
    for one, number in zip(ids, cluster, strict=True):
        grouped.setdefault(number, []).append(one)
    ours = {tuple(sorted((a, b))) for group in grouped.values() for a in group for b in group if a < b}
    return f"febrl {name}", f1(ours, truth), float("nan"), took[0], took[1]


def main(data: Path) -> None:
    """Print a line for each set."""
    table = Table("set", "F1, ours", "F1, nearest by tf-idf (best threshold)", "seconds", "after 1 % more")
    for folder, names in (("er_dblp_acm", ("dblp", "acm")), ("er_fodors_zagats", ("fodors", "zagats"))):
        name, ours, peer, seconds = two_tables(data / folder, names)
        table.add_row(name, f"{ours:.4f}", f"{peer:.4f}", f"{seconds:.1f}", "")
    for number in (1, 3):
        name, ours, _, seconds, again = people(data / "er_febrl", f"dataset{number}")
        table.add_row(name, f"{ours:.4f}", "", f"{seconds:.1f}", f"{again:.1f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
