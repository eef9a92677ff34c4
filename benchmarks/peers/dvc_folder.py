"""DVC on a folder of files: ``dvc add`` and ``git commit``, and again after 1 % of the files changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from files import FILES, change, make, seconds_of_rest
from measure import arguments, measured, size_bytes

work, _, folder = arguments()
dvc = str(Path(sys.executable).parent / "dvc")


def run(*command: str) -> None:
    """Run a command in the work folder, quietly."""
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def add(message: str) -> None:
    """Add the folder and commit its pointer."""
    run(dvc, "add", "--quiet", "photos")
    run("git", "add", "photos.dvc", ".gitignore")
    run("git", "-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "-qm", message)


if work == "import":
    run("git", "init", "-q")
    run(dvc, "init", "--quiet")
    make(folder / "photos", FILES)
    seconds_of_rest()
    measured(lambda: add("first"))
else:
    changed_bytes = change(folder / "photos")
    seconds_of_rest()
    before = size_bytes(folder / ".dvc")
    measured(
        lambda: add("1 %"),
        after=lambda: {"added_bytes": size_bytes(folder / ".dvc") - before, "first_bytes": changed_bytes},
    )
