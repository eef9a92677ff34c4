"""A repository as git and DVC lay it out, made by git and plain files."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml


class Project:
    """A git repository in which files are tracked as DVC does it.

    ``is_old`` keeps the cache as DVC 2 did.
    """

    def __init__(self, root: Path, *, is_old: bool = False) -> None:
        self.root = root
        self.store = root / ".dvc" / "cache"
        if not is_old:
            self.store = self.store / "files" / "md5"
        (root / ".dvc").mkdir(parents=True)
        (root / ".dvc" / "config").write_text("[core]\n")
        (root / ".gitignore").write_text("/.dvc/cache\n")
        self.git("init", "-q", "-b", "main")

    def track(self, path: str, content: bytes | dict[str, bytes]) -> str:
        """Write the `.dvc` file of a file or folder, and its bytes to the cache; return its MD5."""
        md5 = self.kept(content)
        self.describe(f"{path}.dvc", {"outs": [{"md5": md5, "hash": "md5", "path": Path(path).name}]})
        return md5

    def describe(self, path: str, facts: Any) -> None:
        """Write a file of DVC."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(facts))

    def kept(self, content: bytes | dict[str, bytes]) -> str:
        """Put bytes, or those of a folder, into the cache; return their MD5."""
        if isinstance(content, dict):
            files = [{"md5": self.kept(data), "relpath": path} for path, data in sorted(content.items())]
            return self._put(json.dumps(files).encode(), ".dir")
        return self._put(content, "")

    def commit(self, message: str, *, time: str = "2024-01-02T03:04:05+02:00") -> str:
        """Commit all, and return the commit's name."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "--allow-empty-message", "-m", message, time=time)
        return self.git("rev-parse", "HEAD")

    def git(self, *words: str, time: str = "2024-01-01T00:00:00Z") -> str:
        """Run git as Zoë."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        environment |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        for who in ("AUTHOR", "COMMITTER"):
            environment |= {
                f"GIT_{who}_NAME": "Zoë Ö",
                f"GIT_{who}_EMAIL": "zoe@example.org",
                f"GIT_{who}_DATE": time,
            }
        done = subprocess.run(
            ["git", "-C", str(self.root), *words], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def cached(self, md5: str) -> Path:
        """Return where the bytes of an MD5 are."""
        return self.store / md5[:2] / md5[2:]

    def _put(self, data: bytes, ending: str) -> str:
        md5 = hashlib.md5(data).hexdigest() + ending
        file = self.cached(md5)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return md5
