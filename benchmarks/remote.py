"""Push to and clone from an S3 server on this machine, ours and the same bytes by obstore alone.

Usage: ``remote.py push|clone|upload|download WORKLOAD_FOLDER WORK_FOLDER``, after ``ours.py import`` and ``commit``.
The server is that of the tests, which answers one request at a time.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import obstore
from measure import arguments, measured, size_bytes

from headwater.versions.remotes import clone
from headwater.versions.repo import Repo

sys.path.insert(0, str(Path(__file__).parent.parent))
from tests.s3 import ENVIRONMENT, make_bucket, s3_server

_STREAMS = 16
_BUCKET = "s3://bucket"


def push(folder: Path) -> Callable[[], object]:
    """Push all history to an empty repository."""
    repo = Repo.open(folder)
    Repo.init(f"{_BUCKET}/repo")
    repo.remotes.add("bucket", f"{_BUCKET}/repo")
    return lambda: repo.push("bucket")


def fetch(folder: Path) -> Callable[[], object]:
    """Clone what was pushed."""
    push(folder)()
    return lambda: clone(Repo, f"{_BUCKET}/repo", folder / "copy")


def upload(folder: Path) -> Callable[[], object]:
    """Put every file of the repository."""
    store = obstore.store.from_url(_BUCKET)
    files = [file for file in (folder / ".headwater").rglob("*") if file.is_file()]

    def put(file: Path) -> None:
        obstore.put(store, file.relative_to(folder).as_posix(), file.read_bytes())

    return lambda: _each(put, files)


def download(folder: Path) -> Callable[[], object]:
    """Get every file that was put, to the disk."""
    upload(folder)()
    store = obstore.store.from_url(_BUCKET)

    def get(name: str) -> None:
        target = folder / "copy" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(obstore.get(store, name).bytes())

    def work() -> None:
        _each(get, [item["path"] for page in obstore.list(store) for item in page])

    return work


def _each(task: Callable[..., None], items: list[object] | list[str] | list[Path]) -> None:
    with ThreadPoolExecutor(_STREAMS) as pool:
        list(pool.map(task, items))


if __name__ == "__main__":
    name, _, work_folder = arguments()
    with s3_server() as url:
        make_bucket(url, "bucket")
        os.environ.update({**ENVIRONMENT, "AWS_ENDPOINT_URL": url})
        size = size_bytes(work_folder)
        work = {"push": push, "clone": fetch, "upload": upload, "download": download}[name](work_folder)
        measured(work, after=lambda: {"bytes": size})
