"""Contracts from what other tools promise: suites of Great Expectations, schemas of pandera, tests of dbt.

Each construct becomes a rule that judges the same, or is named among those that have none: nothing is dropped in
silence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from headwater.checks.contract_draft import Imported
from headwater.checks.from_dbt import read_dbt
from headwater.checks.from_great_expectations import read_suite
from headwater.checks.from_pandera import read_schema
from headwater.core.errors import InputError, require_choice

__all__ = ["Foreign", "read_foreign"]

Foreign = Literal["great-expectations", "pandera", "dbt"]


def read_foreign(file: str | Path, *, format: Foreign | None = None, model: str | None = None) -> Imported:
    """Read what another tool promises.

    Parameters
    ----------
    file : str or Path
        A suite of Great Expectations (JSON, of 0.x and 1.x), a schema of pandera (the YAML that it writes), or a
        file of dbt with tests (YAML).
    format : {"great-expectations", "pandera", "dbt"}, optional
        Which one; known from its content by default.
    model : str, optional
        The model of a dbt file that has several; for others a name for the dataset.

    Returns
    -------
    Imported

    Raises
    ------
    InputError
        If the file cannot be read, or is none of these.
    """
    path = Path(file)
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: it cannot be read ({reason}).", file=str(path)) from error
    if format is not None:
        require_choice("format", format, get_args(Foreign))
    found = format or _format_of(document)
    if found is None or not isinstance(document, Mapping):
        raise InputError(
            f"{path}: it is no suite of Great Expectations, no schema of pandera and no dbt file with tests. "
            f"Say which it is with --format ({', '.join(get_args(Foreign))}).",
            file=str(path),
        )
    if found == "dbt":
        return read_dbt(document, model=model)
    name = model or path.name.partition(".")[0]
    return read_suite(document, name) if found == "great-expectations" else read_schema(document, name)


def _format_of(document: Any) -> Foreign | None:
    if not isinstance(document, Mapping):
        return None
    if "expectations" in document:
        return "great-expectations"
    if "schema_type" in document:
        return "pandera"
    if any(name in document for name in ("models", "sources", "seeds", "snapshots")):
        return "dbt"
    return None
