"""What a run depends on beside its data and code: Python, platform, packages; nothing of environment variables."""

from __future__ import annotations

import functools
import json
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import headwater
from headwater.pipelines.git import revision_of

__all__ = ["Package", "environment", "installed_packages", "plain_name", "used_packages"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """An installed distribution.

    Parameters
    ----------
    name, version : str
        As its metadata say them.
    needs : tuple of str
        Names of the packages that it needs, without those of its extras.
    origin : mapping, optional
        Where it was installed from, if not by name from an index: ``url``, and ``vcs``, ``commit``, ``subdirectory``,
        ``hash`` or ``editable`` where they apply. Credentials in the URL are left out.
    """

    name: str
    version: str
    needs: tuple[str, ...] = ()
    origin: Mapping[str, Any] | None = None


def environment(file: str = "") -> dict[str, Any]:
    """Return what a run depends on beside its data: Python, platform, packages, and the revision of its code.

    ``packages`` are all that are installed; ``used`` names those whose modules are loaded, and what these need.
    ``origins`` tells of packages that are not from an index.
    """
    found = installed_packages()
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "platform": platform.platform(),
        "machine": platform.machine(),
        "headwater": headwater.__version__,
        "packages": {one.name: one.version for one in found.values()},
        "used": used_packages(),
        "origins": {one.name: dict(one.origin) for one in found.values() if one.origin},
        "revision": revision_of(Path(file).parent if file else Path.cwd()),
    }


def installed_packages() -> dict[str, Package]:
    """Return the installed packages by plain name (lower case, with hyphens), sorted."""
    return _installed(_state_of_path())


def used_packages(modules: Iterable[str] | None = None) -> list[str]:
    """Return the names of the packages that modules belong to (by default all loaded ones), with their needs."""
    found = installed_packages()
    homes = _homes(_state_of_path())
    tops = {name.partition(".")[0] for name in (list(sys.modules) if modules is None else modules)}
    waiting = [plain_name(home) for top in tops for home in homes.get(top, ())]
    # A package under development may not say which modules are its own.
    waiting += [plain_name(top) for top in tops]
    used: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in found and name not in used:
            used.add(name)
            waiting += found[name].needs
    return [one.name for name, one in found.items() if name in used]


def plain_name(name: str) -> str:
    """Return the name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _state_of_path() -> tuple[tuple[str, int], ...]:
    """Return what changes when a package is installed or removed."""
    places = [(place, Path(place)) for place in sys.path if place]
    return tuple((place, path.stat().st_mtime_ns) for place, path in places if path.is_dir())


@functools.lru_cache(maxsize=1)
def _installed(_: object) -> dict[str, Package]:
    found: dict[str, Package] = {}
    for one in metadata.distributions():
        name = one.metadata["Name"]
        if name:
            needs = tuple(
                plain_name(match.group())
                for line in one.requires or ()
                if "extra ==" not in line and (match := _NAME.match(line))
            )
            package = Package(name=name, version=one.version, needs=needs, origin=_origin(one))
            # The first on the path is the one that is imported.
            found.setdefault(plain_name(name), package)
    return dict(sorted(found.items()))


@functools.lru_cache(maxsize=1)
def _homes(_: object) -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def _origin(one: metadata.Distribution) -> dict[str, Any] | None:
    text = one.read_text("direct_url.json")
    if not text:
        return None
    facts = json.loads(text)
    vcs, archive = facts.get("vcs_info", {}), facts.get("archive_info", {})
    digests = archive.get("hashes", {})
    told = {
        "url": _without_credentials(str(facts.get("url", ""))),
        "vcs": vcs.get("vcs"),
        "commit": vcs.get("commit_id"),
        "subdirectory": facts.get("subdirectory"),
        "hash": next((f"{kind}={value}" for kind, value in digests.items()), None),
        "editable": facts.get("dir_info", {}).get("editable"),
    }
    return {name: value for name, value in told.items() if value}


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=""))
