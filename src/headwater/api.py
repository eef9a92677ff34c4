"""The one place where the layers meet: a repository that can also check, profile, train and compare."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headwater.store import repo as store
from headwater.store.importing import ImportResult, import_data
from headwater.store.sql import query

if TYPE_CHECKING:
    from headwater.store.dataset import Dataset
    from headwater.store.gc import GcResult

__all__ = ["Repo", "init", "open"]


class Repo(store.Repo):
    """A repository of datasets under version control.

    Examples
    --------
    >>> import headwater as hw
    >>> repo = hw.init("memory://")
    >>> with repo.transaction("two people") as tx:
    ...     tx.append("people", [{"id": 1, "age": 31}, {"id": 2, "age": 45}], key="id")
    >>> with repo.transaction("a birthday") as tx:
    ...     tx.upsert("people", [{"id": 1, "age": 32}])
    >>> repo.diff()["people"].cells().to_pylist()
    [{'id': 1, '_column': 'age', '_before': '31', '_after': '32'}]
    """

    def import_(self, dataset: str, source: Any, **options: Any) -> ImportResult:
        """Import a file, folder, URL, query or data in memory as one commit.

        See `headwater.store.importing.import_data` for the options.
        """
        return import_data(self, dataset, source, **options)

    def export(
        self,
        dataset: str,
        target: str | Path,
        *,
        format: str | None = None,
        columns: Sequence[str] | None = None,
        where: str | None = None,
    ) -> Path:
        """Write a dataset to a file or folder, all or nothing.

        Parameters
        ----------
        dataset : str
            Name, or ``NAME@REF``.
        target : str or Path
            Where to; the suffix says the format unless ``format`` does.
        format : str, optional
            ``csv``, ``tsv``, ``jsonl``, ``parquet``, ``arrow`` or ``folder``.
        columns, where : optional
            As in `headwater.store.dataset.Dataset.scan`.

        Returns
        -------
        Path
            The target.
        """
        from headwater.formats.write import write

        reader = self.dataset(dataset).reader(columns, where)
        write(reader, reader.schema, Path(target), format=format)
        return Path(target)

    def dataset(self, name: str) -> Dataset:
        """Return the dataset ``NAME`` here, or ``NAME@REF`` as it was."""
        plain, _, ref = name.partition("@")
        return (self.at(ref) if ref else self)[plain]

    def sql(self, text: str) -> pa.Table:
        """Run a SQL query over any refs at once; see `headwater.store.sql.query`."""
        return query(self, text)

    def gc(self, **options: Any) -> GcResult:
        """Remove what no ref reaches; see `headwater.store.gc.collect`."""
        from headwater.store.gc import collect

        return collect(self, **options)


def init(location: str | Path = ".", **options: Any) -> Repo:
    """Make a repository in a directory or under a URL; see `headwater.store.repo.Repo.init`."""
    return Repo.init(location, **options)


def open(location: str | Path = ".", **options: Any) -> Repo:
    """Open a repository; see `headwater.store.repo.Repo.open`."""
    return Repo.open(location, **options)
