"""Where the files of a Hugging Face dataset are: folders of `save_to_disk`, of the library's cache, and of the hub."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from headwater.core.errors import NotFound
from headwater.formats.arrow import ArrowIpc
from headwater.formats.base import ReadOptions, Source
from headwater.formats.guard import inside
from headwater.formats.parquet import Parquet
from headwater.formats.text import input_error

__all__ = [
    "INFO",
    "SPLITS",
    "STATE",
    "Part",
    "features_of_file",
    "file_source",
    "front_matter",
    "has_paths",
    "info_of",
    "parts_of",
]

INFO = "dataset_info.json"
STATE = "state.json"
SPLITS = "dataset_dict.json"

# What the library and the hub call the files of a split: train-00000-of-00002.parquet, NAME-train.arrow, train.parquet.
_NUMBER = re.compile(r"-\d{5}-of-\d{5}$")
_SPLIT_OF_FILE = re.compile(r"\w+(\.\w+)*$")


@dataclass(frozen=True)
class Part:
    """The files of one split, in order; ``split`` is None where there are no splits."""

    split: str | None
    files: tuple[Path, ...]


def parts_of(root: Path, wanted: str | None) -> list[Part]:
    """Return the splits of a dataset, or the one that is wanted."""
    if root.is_file():
        return [Part(None, (root,))]
    if (root / SPLITS).is_file():
        names = _json(root / SPLITS, root).get("splits")
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise input_error(f"{root.name}/{SPLITS}", "it names no splits")
        found = [Part(name, _saved(inside(name, root, SPLITS), root)) for name in names]
    elif (root / STATE).is_file():
        found = [Part(None, _saved(root, root))]
    else:
        found = _laid_out(root)
    if wanted is None:
        return found
    chosen = [part for part in found if part.split == wanted]
    if not chosen:
        raise NotFound.among(
            "split", wanted, [str(part.split) for part in found if part.split], where=root.name
        )
    return chosen


def _saved(folder: Path, root: Path) -> tuple[Path, ...]:
    """Return the files that `save_to_disk` names in a folder."""
    place = folder.relative_to(root.resolve()) if folder != root else Path()
    state = _json(folder / STATE, root)
    named = state.get("_data_files")
    names = (
        [item.get("filename") for item in named if isinstance(item, Mapping)]
        if isinstance(named, list)
        else []
    )
    if not names or not all(isinstance(name, str) for name in names):
        raise input_error(f"{root.name}/{place / STATE}", "it names no files of data")
    if state.get("_indices_data_files"):
        raise input_error(
            f"{root.name}/{place / STATE}",
            "its rows are picked by indices",
            mend="call flatten_indices() before saving",
        )
    files = tuple(inside(str(name), folder, f"{root.name}/{place / STATE}") for name in names)
    for file in files:
        if not file.is_file():
            raise input_error(
                root.name,
                f"the file {file.name} is missing, which {place / STATE} names",
                mend="fetch the folder again",
            )
    return files


def _laid_out(root: Path) -> list[Part]:
    """Return the splits that the names of files say, in the library's usual order."""
    splits: dict[str, list[Path]] = {}
    for file in sorted(root.rglob("*")):
        hidden = any(part.startswith((".", "_")) for part in file.relative_to(root).parts)
        found = _SPLIT_OF_FILE.search(_NUMBER.sub("", file.stem))
        if file.is_file() and file.suffix in (".arrow", ".parquet") and found is not None and not hidden:
            splits.setdefault(found[0], []).append(file)
    if not splits:
        raise input_error(root.name, "there are no Arrow or Parquet files in it")
    usual = {"train": 0, "validation": 1, "valid": 1, "dev": 1, "test": 2}
    names = sorted(splits, key=lambda name: (usual.get(name, 3), name))
    return [Part(name, tuple(splits[name])) for name in names]


def info_of(root: Path, part: Part) -> dict[str, Any]:
    """Return what is said about the dataset, in a file of its own or at the top of the README."""
    for folder in dict.fromkeys((part.files[0].parent, root if root.is_dir() else root.parent)):
        if (folder / INFO).is_file():
            return _json(folder / INFO, root)
    return {}


def _json(path: Path, root: Path) -> dict[str, Any]:
    place = f"{root.name}/{path.name}"
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise input_error(place, "it is missing", mend="fetch the folder again") from error
    except (ValueError, RecursionError) as error:
        raise input_error(place, f"it is not whole JSON ({error})", mend="fetch the folder again") from error
    if not isinstance(value, dict):
        raise input_error(place, "it is no JSON object")
    return value


def front_matter(readme: Path) -> Mapping[str, Any]:
    """Return the YAML at the top of a README, or nothing."""
    with readme.open(encoding="utf-8", errors="replace") as file:
        start = file.read(1 << 20)
    found = re.match(r"---\n(.*?\n)---\n", start, re.DOTALL)
    try:
        value = yaml.safe_load(found.group(1)) if found else None
    except yaml.YAMLError:
        value = None  # a README without readable facts is a README all the same
    return value if isinstance(value, dict) else {}


def features_of_file(file: Path) -> dict[str, Any]:
    """Return the features that the library keeps in the schema of its files."""
    if file.suffix == ".parquet":
        metadata = pq.read_schema(file).metadata or {}
    else:
        with pa.memory_map(str(file)) as mapped, pa.ipc.open_stream(mapped) as reader:
            metadata = reader.schema.metadata or {}
    try:
        said = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        said = {}
    return said if isinstance(said, dict) else {}


def file_source(file: Path) -> Source:
    """Return one file as a source."""
    reader = Parquet() if file.suffix == ".parquet" else ArrowIpc()
    return reader.read(str(file), options=ReadOptions())


def has_paths(file: Path, column: str) -> bool:
    """Say whether some values of a column of media have a path; of Parquet, only the paths are read."""
    if file.suffix == ".parquet":
        with pq.ParquetFile(file) as parquet:
            batches = parquet.iter_batches(columns=[f"{column}.path"])
            return any(batch.column(0).field(0).null_count < len(batch) for batch in batches)
    for batch in file_source(file).batches():
        values = batch.column(column)
        stored = values.storage if isinstance(values, pa.ExtensionArray) else values
        if pa.types.is_struct(stored.type) and stored.field("path").null_count < len(stored):
            return True
    return False
