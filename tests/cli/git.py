"""The program git, as tests call it."""

from __future__ import annotations

import subprocess

__all__ = ["git"]


def git(*words: str, code: int = 0) -> str:
    """Run git in the current directory, expect that exit code, and return all that it says."""
    done = subprocess.run(
        ["git", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == code, f"git {' '.join(words)}: exit code {done.returncode}\n{done.stdout}"
    return done.stdout
