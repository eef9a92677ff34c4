"""Headwater's side of the benchmark of files: ``folder.py WORK WORKLOAD_FOLDER WORK_FOLDER``."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from files import FILES, change, make, seconds_of_rest
from measure import arguments, measured, size_bytes

from headwater.formats.base import READERS
from headwater.versions.importing import import_data
from headwater.versions.repo import Repo

# What is loaded on first use, such as the readers of formats, is the start of the interpreter.
pa.array(np.arange(2))
list(READERS)
find_spec("PIL") and import_module("PIL.Image").init()


def first(folder: Path) -> None:
    """Measure the import of a fresh folder of files."""
    make(folder / "photos", FILES)
    seconds_of_rest()
    repo = Repo.init(folder)

    def work() -> dict[str, Any]:
        done = import_data(repo, "photos", folder / "photos")
        return {"rows": done.added, "bytes": size_bytes(folder / ".headwater")}

    measured(work)


def again(folder: Path) -> None:
    """Measure the import of the folder after 1 % of its files have changed."""
    changed_bytes = change(folder / "photos")
    seconds_of_rest()
    before = size_bytes(folder / ".headwater")
    repo = Repo.open(folder)

    def work() -> dict[str, Any]:
        return {"rows": import_data(repo, "photos", folder / "photos").changed}

    def added() -> dict[str, Any]:
        return {"added_bytes": size_bytes(folder / ".headwater") - before, "first_bytes": changed_bytes}

    measured(work, after=added)


if __name__ == "__main__":
    name, _, work_folder = arguments()
    {"import": first, "again": again}[name](work_folder)
