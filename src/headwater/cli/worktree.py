"""The git work tree around the current directory: what is staged, what has changed, where hooks go."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Literal

from headwater.core.errors import HeadwaterError, UsageError

__all__ = ["GitState", "WorkTree", "find_work_tree"]

GitState = Literal["committed", "changed", "staged", "untracked", "ignored"]


def find_work_tree(start: Path | None = None) -> WorkTree | None:
    """Return the git work tree that a folder (the current one by default) is in; None if it is in none."""
    folder = start or Path.cwd()
    try:
        done = _git(folder, "rev-parse", "--show-toplevel")
    except FileNotFoundError:
        return None
    top = os.fsdecode(done.stdout.removesuffix(b"\n"))
    return WorkTree(Path(top)) if done.returncode == 0 and top else None


class WorkTree:
    """A git work tree, asked through the program ``git``."""

    def __init__(self, top: Path) -> None:
        self.top = top

    @classmethod
    def require(cls) -> WorkTree:
        """Return the work tree around the current directory.

        Raises
        ------
        UsageError
            If there is none.
        """
        found = find_work_tree()
        if found is None:
            raise UsageError(f"{Path.cwd()} is in no git work tree. `git init` makes one.")
        return found

    def state(self, path: Path) -> GitState:
        """Say how git sees a file: ``staged`` is as it will be committed, ``changed`` not even that."""
        listed = self.run("status", "--porcelain=v1", "-z", "--ignored", "--", str(path)).decode(
            "utf-8", "replace"
        )
        code = listed[:2]
        if not code:
            return "committed"
        if code in ("??", "!!"):
            return "untracked" if code == "??" else "ignored"
        return "staged" if code[1] == " " else "changed"

    def staged(self) -> list[str]:
        """Return the files that the next commit adds or changes, by their path from the top."""
        return self._names("diff", "--cached", "--name-only", "--diff-filter=ACMRT", "-z")

    def changed_since(self, ref: str) -> list[str]:
        """Return the files that were added or changed since our history left that of ``ref``.

        Raises
        ------
        UsageError
            If git has no such commit.
        """
        return self._names("diff", "--name-only", "--diff-filter=ACMRT", "-z", self.fork(ref))

    def fork(self, ref: str) -> str:
        """Return the newest commit that our history has in common with that of ``ref``.

        Raises
        ------
        UsageError
            If git has no such commit, or it has nothing in common with ours.
        """
        done = _git(self.top, "merge-base", "--end-of-options", ref, "HEAD")
        if done.returncode != 0:
            raise UsageError(
                f"git finds no commit that {ref!r} and HEAD have in common. In CI fetch the history as well: "
                "fetch-depth: 0.",
                ref=ref,
            )
        return done.stdout.decode().strip()

    def content(self, path: str, ref: str = "") -> bytes | None:
        """Return what a file holds at ``ref``, or as it is staged; None if it is not there."""
        done = _git(self.top, "cat-file", "blob", f"{ref}:{path}")
        return done.stdout if done.returncode == 0 else None

    def write_staged(self, paths: list[str], folder: Path) -> None:
        """Write files, as they are staged, below a folder."""
        listed = b"".join(os.fsencode(path) + b"\0" for path in paths)
        self.run("checkout-index", "-z", "--stdin", f"--prefix={folder}/", given=listed)

    def hooks(self) -> Path:
        """Return the folder that git runs hooks from."""
        path = os.fsdecode(self.run("rev-parse", "--git-path", "hooks").removesuffix(b"\n"))
        return self.top / path

    def run(self, *words: str, given: bytes | None = None) -> bytes:
        """Run git and return what it prints.

        Raises
        ------
        HeadwaterError
            If it fails.
        """
        done = _git(self.top, *words, given=given)
        if done.returncode != 0:
            reason = done.stderr.decode("utf-8", "replace").strip()
            raise HeadwaterError(f"`git {' '.join(words)}` failed in {self.top}: {reason}")
        return done.stdout

    def _names(self, *words: str) -> list[str]:
        return [os.fsdecode(name) for name in self.run(*words).split(b"\0") if name]


def _git(folder: Path, *words: str, given: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *words], cwd=folder, input=given, capture_output=True, check=False)
