"""The error tree. One base; subclasses say what the caller can do about it.

::

    HeadwaterError                      exit code 3 unless a subclass says otherwise
    ├── UsageError(ValueError)          2: the request is wrong; change it
    │   ├── NotFound(KeyError)          a name that is not there: ref, dataset, column, check, ...
    │   ├── SchemaError                 columns or types do not fit the dataset
    │   ├── InvalidKeys                 null or duplicate keys in the input
    │   └── MissingExtra(ImportError)   an optional package is needed: the message names the extra
    ├── InputError(ValueError)          2: a file cannot be read: which file, which line, why
    ├── MergeConflict                   1: two changes touch the same cells; nothing was lost
    ├── Diverged                        1: two repositories have commits that the other lacks
    ├── GateClosed                      1: the branch's gate did not let the commit through
    ├── ConcurrentUpdate                3: a ref moved under us more often than we retried
    └── StorageError(OSError)           3: the store could not read or write
        ├── StorageFull                 the disk or bucket is full
        ├── StorageDenied               no permission, or a read-only file system
        ├── ObjectMissing               an object the repository refers to is not there
        └── CorruptObject               an object's bytes do not match its name
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

__all__ = [
    "ConcurrentUpdate",
    "CorruptObject",
    "Diverged",
    "GateClosed",
    "HeadwaterError",
    "InputError",
    "InvalidKeys",
    "MergeConflict",
    "MissingExtra",
    "NotFound",
    "ObjectMissing",
    "RunFailed",
    "SchemaError",
    "StorageDenied",
    "StorageError",
    "StorageFull",
    "UsageError",
    "require_choice",
]


class HeadwaterError(Exception):
    """Base of every error Headwater raises on purpose.

    Parameters
    ----------
    message : str
        What went wrong, where, and how to mend it.
    **facts : Any
        The same facts as fields, for programs: they become attributes and the ``facts`` mapping.
    """

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.message = message
        self.facts: dict[str, Any] = facts
        # Set, not looked up: built-in errors have attributes of their own, such as ImportError.name.
        for name, value in facts.items():
            setattr(self, name, value)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.facts))


def _rebuild(kind: type[HeadwaterError], message: str, facts: dict[str, Any]) -> HeadwaterError:
    error = kind.__new__(kind)
    HeadwaterError.__init__(error, message, **facts)
    return error


class UsageError(HeadwaterError, ValueError):
    """The request itself is wrong; changing it mends it."""

    exit_code = 2


class NotFound(UsageError, KeyError):
    """A name that is not there; the message lists what is and the nearest spelling."""

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str], *, where: str = "") -> NotFound:
        """Build the error for ``name`` given the names that do exist.

        Parameters
        ----------
        kind : str
            What was looked for, for example ``"column"``.
        name : str
            The name that was not found.
        known : iterable of str
            The names that exist.
        where : str, optional
            Where it was looked for, for example ``"dataset 'people'"``.

        Returns
        -------
        NotFound
            An error whose message suggests the nearest known name.
        """
        names: Sequence[str] = sorted(known)
        place = f" in {where}" if where else ""
        hint = _suggestion(name, names)
        shown = ", ".join(names[:20]) + (f", … ({len(names)} in all)" if len(names) > 20 else "")
        listing = (
            f" {_plural(kind).capitalize()}: {shown}." if names else f" There are no {_plural(kind)} yet."
        )
        return cls(
            f"{kind.capitalize()} {name!r} not found{place}.{hint}{listing}",
            kind=kind,
            name=name,
            known=list(names),
        )


class SchemaError(UsageError):
    """Columns or types do not fit the dataset they are written to."""


class InvalidKeys(UsageError):
    """Null or duplicate keys in the input; ``rows`` lists offending row numbers (from 0)."""


class MissingExtra(UsageError, ImportError):
    """An optional package is not installed; the message names the extra to install."""

    @classmethod
    def for_package(cls, package: str, extra: str, purpose: str) -> MissingExtra:
        """Build the error for an optional ``package`` needed for ``purpose``."""
        return cls(
            f'{purpose} needs the package {package!r}: pip install "headwater[{extra}]"',
            package=package,
            extra=extra,
        )


class InputError(HeadwaterError, ValueError):
    """A file cannot be read as what it claims to be: the message says file, line and reason."""

    exit_code = 2


class MergeConflict(HeadwaterError):
    """Two changes touch the same cells. Both sides are kept; ``conflicts`` lists the cells."""

    exit_code = 1


class Diverged(HeadwaterError):
    """Two repositories have commits on a branch that the other lacks; nothing was moved."""

    exit_code = 1


class GateClosed(HeadwaterError):
    """The branch's gate did not let the commit through; ``findings`` says why."""

    exit_code = 1


class RunFailed(HeadwaterError):
    """A step of a pipeline raised, gave something of another type, or its data did not pass its checks."""

    exit_code = 1


class ConcurrentUpdate(HeadwaterError):
    """A ref moved under us more often than we retried; nothing was lost, try again."""


class StorageError(HeadwaterError, OSError):
    """The store could not read or write."""


class StorageFull(StorageError):
    """The disk or bucket is full; the repository is as it was before the write."""


class StorageDenied(StorageError):
    """No permission to read or write, or the file system is read-only."""


class ObjectMissing(StorageError):
    """An object that the repository refers to is not there."""


class CorruptObject(StorageError):
    """An object's bytes do not match its name."""


def require_choice(option: str, value: object, choices: Sequence[str]) -> None:
    """Raise `UsageError` if the value of an option is not one of its choices."""
    if value not in choices:
        hint = _suggestion(str(value), choices)
        raise UsageError(
            f"{option} is one of {', '.join(map(repr, choices))}, not {value!r}.{hint}",
            option=option,
            value=value,
        )


def _suggestion(name: str, known: Sequence[str]) -> str:
    """Return a question for the known name nearest to ``name``, upper and lower case being alike."""
    folded = {other.casefold(): other for other in reversed(known)}
    near = difflib.get_close_matches(name.casefold(), folded, n=1)
    return f" Did you mean {folded[near[0]]!r}?" if near else ""


def _plural(noun: str) -> str:
    if noun.endswith("y"):
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("ch", "sh", "s", "x")) else "s")
