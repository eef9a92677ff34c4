"""How an Iceberg table's files are reached: all inside one folder, wherever the table thinks that it lies."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from headwater.core.extras import require
from headwater.formats.guard import inside

__all__ = ["LOCATION", "ROOT", "file_io", "io_properties", "mapped"]

LOCATION = "headwater.location"
ROOT = "headwater.root"


def io_properties(location: str, root: Path) -> dict[str, str]:
    """Return the properties with which the library uses our way to files."""
    return {"py-io-impl": f"{__name__}.FolderFileIO", LOCATION: location, ROOT: str(root)}


def file_io(location: str, root: Path) -> Any:
    """Return the way to the files of a table that says it lies at ``location`` and lies in ``root``."""
    return _class()(io_properties(location, root))


def mapped(address: str, location: str, root: Path) -> Path:
    """Return where the file at ``address`` of a table lies.

    Raises
    ------
    InputError
        If that is not in the table's folder.
    """
    plain, base = address.removeprefix("file://"), location.removeprefix("file://").rstrip("/")
    relative = plain.removeprefix(f"{base}/") if plain.startswith(f"{base}/") else plain
    return inside(relative, root, root.name)


def __getattr__(name: str) -> Any:
    if name == "FolderFileIO":  # the library asks for the class by name
        return _class()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def _class() -> type:
    library = require("pyiceberg.io.pyarrow", extra="iceberg", purpose="An Iceberg table")

    class FolderFileIO(library.PyArrowFileIO):  # type: ignore[misc, name-defined] # known when it is installed
        """Reads and writes files of one folder; others are refused."""

        def new_input(self, location: str) -> Any:
            return self._file(location)

        def new_output(self, location: str) -> Any:
            return self._file(location)

        def delete(self, location: Any) -> None:
            self._path(getattr(location, "location", location)).unlink()

        def _file(self, location: str) -> Any:
            path = self._path(location)
            return library.PyArrowFile(fs=self.fs_by_scheme("file", ""), location=location, path=str(path))

        def _path(self, location: str) -> Path:
            return mapped(location, self.properties[LOCATION], Path(self.properties[ROOT]))

    return FolderFileIO
