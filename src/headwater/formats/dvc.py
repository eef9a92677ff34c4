"""The history of a DVC repository: what each git commit tracks, and where its bytes are. Only git is needed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import posixpath
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from headwater.core.errors import UsageError
from headwater.core.text import clipped
from headwater.formats.detect import by_suffix
from headwater.formats.text import input_error

__all__ = ["DvcRepo", "Output", "Version"]

MOST_FACTS_BYTES = 64 << 20

_MD5 = re.compile(r"[0-9a-f]{32}(\.dir)?")
_LOCK = "dvc.lock"
_FORMAT = "%H%x00%an%x00%ae%x00%aI%x00%B%x00"
# What a repository's own settings may run is switched off.
_GIT = ("git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "protocol.allow=never")


@dataclass(frozen=True, slots=True)
class Output:
    """A file or folder that DVC tracks: its path in the repository, its MD5, and the blob if git holds it, too."""

    path: str
    md5: str
    blob: str | None = None

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.md5.endswith(".dir")

    @property
    def is_data(self) -> bool:
        """Whether it is a folder, or a file whose name says a format that can be read."""
        return self.is_folder or by_suffix(posixpath.basename(self.path)) is not None


@dataclass(frozen=True, slots=True)
class Version:
    """A git commit, and all that DVC tracks in it, by path."""

    commit: str
    author: str
    time: datetime
    message: str
    outputs: Mapping[str, Output]


class DvcRepo:
    """A git repository in which DVC tracks data.

    Parameters
    ----------
    root : Path
        The repository, or a folder in it.
    cache : Path, optional
        DVC's cache, where it is not ``.dvc/cache``.

    Raises
    ------
    InputError
        If it is no such repository.
    """

    def __init__(self, root: Path, *, cache: Path | None = None) -> None:
        if not root.is_dir():
            raise input_error(str(root), "there is no such folder")
        self.root = root
        self.root = Path(os.fsdecode(self._git("rev-parse", "--show-toplevel")).strip())
        if not (self.root / ".dvc").is_dir():
            raise input_error(str(root), "DVC tracks nothing there: it has no folder .dvc")
        self.cache = cache if cache is not None else self.root / ".dvc" / "cache"
        self._facts: dict[str, list[tuple[str, str]]] = {}

    def versions(self, ref: str = "HEAD") -> list[Version]:
        """Return the commits on the way to ``ref`` that changed what DVC tracks, the oldest first.

        Of merges, the first parent is followed: what came in by one is part of the merge.

        Raises
        ------
        InputError
            If there is no such ref, or a file of DVC cannot be read.
        """
        if ref.startswith("-"):
            raise UsageError(f"{ref!r} is no name of a commit.")
        limits = ("--", "*.dvc", _LOCK, f"*/{_LOCK}")
        order = ("--first-parent", "--reverse", "--no-commit-header", f"--format={_FORMAT}")
        said = self._git("rev-list", *order, ref, *limits).decode("utf-8", "replace").split("\0")
        found: list[Version] = []
        for at in range(0, len(said) - 4, 5):
            commit, name, email, time, message = said[at : at + 5]
            commit = commit.strip()
            outputs = self._outputs(commit)
            if outputs != (found[-1].outputs if found else {}):
                author = f"{name} <{email}>"
                found.append(Version(commit, author, datetime.fromisoformat(time), message.strip(), outputs))
        return found

    @cached_property
    def stores(self) -> tuple[Path, ...]:
        """The folders in which the cache keeps files by MD5, the newer layout first."""
        return (self.cache / "files" / "md5", self.cache)

    def missing(self, output: Output) -> str:
        """Say what of an output is not in the cache, or nothing if all is there."""
        if output.blob is None and self._cached(output.md5) is None:
            return f"{output.path} ({output.md5}) is not in the cache"
        if not output.is_folder:
            return ""
        lost = [path for path, md5 in self._inside(output) if self._cached(md5) is None]
        return (
            f"{len(lost)} file(s) of {output.path}, such as {lost[0]}, are not in the cache" if lost else ""
        )

    @contextlib.contextmanager
    def laid_out(self, output: Output) -> Iterator[Path]:
        """Give an output under its own name, in a temporary folder, without copying where that can be done.

        Raises
        ------
        InputError
            If bytes are missing, or are not those of their MD5.
        """
        lost = self.missing(output)
        if lost:
            raise input_error(self.root.name, lost)
        with tempfile.TemporaryDirectory(prefix="headwater-") as folder:
            target = Path(folder) / posixpath.basename(output.path)
            if output.is_folder:
                target.mkdir()
                for path, md5 in self._inside(output):
                    place = target / path
                    place.parent.mkdir(parents=True, exist_ok=True)
                    self._link(md5, place)
            elif output.blob is not None:
                target.write_bytes(self._git("cat-file", "blob", output.blob))
            else:
                self._link(output.md5, target)
            yield target

    def _outputs(self, commit: str) -> dict[str, Output]:
        tree: dict[str, str] = {}
        for line in self._git("ls-tree", "-r", "-z", commit).split(b"\0"):
            facts, _, where = line.partition(b"\t")
            if facts.split(b" ")[1:2] == [b"blob"]:
                tree[os.fsdecode(where)] = facts.split(b" ")[2].decode()
        found: dict[str, Output] = {}
        for path, blob in tree.items():
            is_ours = path.endswith(".dvc") or posixpath.basename(path) == _LOCK
            if not is_ours or ".dvc/" in f"/{posixpath.dirname(path)}/":
                continue
            for name, md5 in self._tracked(blob, path, commit):
                place = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
                if (
                    not place.startswith(("..", "/")) and "://" not in place
                ):  # data outside is not the repository's
                    found[place] = Output(place, md5, tree.get(place))
        return found

    def _tracked(self, blob: str, path: str, commit: str) -> list[tuple[str, str]]:
        """Return path and MD5 of what a file of DVC tracks."""
        if blob not in self._facts:
            place = f"{path} at {commit[:7]}"
            text = self._git("cat-file", "blob", blob)
            if len(text) > MOST_FACTS_BYTES:
                raise input_error(place, f"it has {len(text):,} bytes, which is too much")
            try:
                facts = yaml.safe_load(text)
                self._facts[blob] = list(_outs(facts))
            except (yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
                raise input_error(place, f"it is no file of DVC ({str(error).splitlines()[0]})") from error
        return self._facts[blob]

    def _inside(self, output: Output) -> list[tuple[str, str]]:
        """Return path and MD5 of the files of a folder."""
        place = f"{output.path} ({output.md5})"
        stored = self._cached(output.md5)
        assert stored is not None, "asked for after it was found"
        try:
            listed = json.loads(stored.read_bytes())
            files = [(str(item["relpath"]), str(item["md5"])) for item in listed]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise input_error(
                place, f"its list of files is broken ({error})", mend="fetch it again with dvc fetch"
            ) from error
        for path, md5 in files:
            parts = path.split("/")
            if not _MD5.fullmatch(md5) or not all(parts) or {"..", "."} & set(parts) or "\0" in path:
                raise input_error(
                    place, f"its list names {clipped(repr(path))}, which is not inside the folder"
                )
        return files

    def _cached(self, md5: str) -> Path | None:
        if not _MD5.fullmatch(md5):
            return None
        places = (store / md5[:2] / md5[2:] for store in self.stores)
        return next((place for place in places if place.is_file()), None)

    def _link(self, md5: str, target: Path) -> None:
        stored = self._cached(md5)
        assert stored is not None, "asked for after it was found"
        if self.cache.resolve() not in stored.resolve().parents:
            raise input_error(self.root.name, f"the cached file {md5} is a link to somewhere else")
        if not _has_md5(stored, md5):
            raise input_error(
                self.root.name,
                f"the cached file {md5} has other bytes than its name says",
                mend="fetch it again with dvc fetch",
            )
        try:
            target.hardlink_to(stored.resolve())
        except OSError:  # another disk
            target.symlink_to(stored.resolve())

    def _git(self, *words: str) -> bytes:
        try:
            done = subprocess.run([*_GIT, "-C", str(self.root), *words], capture_output=True, check=False)
        except FileNotFoundError as error:
            raise UsageError(
                "Reading the history of a DVC repository needs git, which is not installed."
            ) from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = said[0].removeprefix("fatal: ") if said else f"it ended with {done.returncode}"
            raise input_error(str(self.root), f"git says: {clipped(reason, 200)}")
        return done.stdout


def _outs(facts: Any) -> Iterator[tuple[str, str]]:
    """Yield path and MD5 of the outputs of a ``.dvc`` file or a ``dvc.lock`` of either schema."""
    if facts is None:
        return
    if "outs" in facts:
        folder = str(facts.get("wdir") or ".")
        parts = [(folder, facts["outs"])]
    else:
        stages = facts.get("stages") if "schema" in facts else facts
        parts = [(".", stage.get("outs")) for stage in (stages or {}).values()]
    for folder, outs in parts:
        for out in outs or ():
            md5 = out.get("md5")
            if isinstance(md5, str) and _MD5.fullmatch(md5) and isinstance(out.get("path"), str):
                yield posixpath.join(folder, out["path"]), md5


def _has_md5(path: Path, md5: str) -> bool:
    """Say whether a file has this MD5; DVC 2 took that of text with the line ends of Unix."""
    wanted = md5.removesuffix(".dir")
    with path.open("rb") as file:
        if hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest() == wanted:
            return True
        file.seek(0)
        digest = hashlib.md5(usedforsecurity=False)
        held = b""
        while block := file.read(1 << 20):
            block = held + block
            held = b"\r" if block.endswith(b"\r") else b""
            digest.update(block[: len(block) - len(held)].replace(b"\r\n", b"\n"))
        digest.update(held)
        return digest.hexdigest() == wanted
