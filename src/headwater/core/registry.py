"""Registries of plug-ins: a dict filled by a decorator, and by the entry points of other packages."""

from __future__ import annotations

import importlib
import pkgutil
import threading
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from headwater.core.errors import HeadwaterError, NotFound, UsageError

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """Named plug-ins of one kind.

    Built-in members live one to a file in ``package``; the package's modules are imported on the
    first look-up, so that adding a member is adding a file. Third parties use the entry point group
    ``headwater.<kind>s``.

    Parameters
    ----------
    kind : str
        Singular noun for messages, for example ``"check"``.
    package : str
        Dotted name of the package whose modules register the built-in members.
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self._package = package
        self._items: dict[str, T] = {}
        self._lock = threading.RLock()
        self._loaded = self._is_ready = False

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that registers its argument under ``name``.

        Raises
        ------
        UsageError
            If another member already has the name.
        """

        def decorate(item: T) -> T:
            if name in self._items:
                raise UsageError(f"{self.kind} {name!r} is registered twice", name=name)
            self._items[name] = item
            return item

        return decorate

    def __getitem__(self, name: str) -> T:
        self._load()
        if name not in self._items:
            raise NotFound.among(self.kind, name, self._items)
        return self._items[name]

    def __contains__(self, name: object) -> bool:
        self._load()
        return name in self._items

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(sorted(self._items))

    def __len__(self) -> int:
        self._load()
        return len(self._items)

    def _load(self) -> None:
        if self._is_ready:
            return
        with self._lock:
            if self._loaded:
                return
            self._loaded = True  # A module may look something up while it is imported.
            try:
                package = importlib.import_module(self._package)
                for module in pkgutil.iter_modules(package.__path__):
                    importlib.import_module(f"{self._package}.{module.name}")
                for point in entry_points(group=f"headwater.{self.kind}s"):
                    loaded = _loaded(point, self.kind)
                    if point.name not in self._items:
                        self._items[point.name] = loaded
                self._is_ready = True
            except BaseException:
                self._loaded = False
                raise


def _loaded(point: EntryPoint, kind: str) -> Any:
    try:
        return point.load()
    except Exception as error:
        package = point.dist.name if point.dist else point.module
        raise HeadwaterError(
            f"The {kind} {point.name!r} of the package {package!r} cannot be imported from {point.value}: "
            f"{type(error).__name__}: {error}. Mend that package, or uninstall it."
        ) from error
