"""Fixtures: repositories in every kind of place, and hashes so weak that they collide."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.hashing import U64, hash_keys
from headwater.engine.local import LocalExecutor
from headwater.store import chunk, lookup
from headwater.store.objects import Objects
from headwater.store.storage import Storage
from headwater.store.writing import Workshop
from headwater.versions import diff, edit, merge
from headwater.versions.repo import Repo
from tests.s3 import ENVIRONMENT, make_bucket, s3_server

__all__ = ["BACKENDS", "Fresh", "use", "weaken"]

BACKENDS = ["directory", "memory", "s3"]
"""Where repositories may live. Every test that uses `location` runs in each of them."""

Fresh = Callable[[], str]
"""Gives another place for a repository at each call."""

_FIRST = 6
_numbers = itertools.count()


@pytest.fixture(params=BACKENDS)
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return a fresh place for a repository."""
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/test{next(_numbers)}"
    return {"directory": str(tmp_path / "repo"), "memory": f"memory://test{next(_numbers)}"}[request.param]


@pytest.fixture(params=["memory", "s3"])
def place(request: pytest.FixtureRequest) -> str:
    """Return a fresh place for a repository, for tests to which the disk is of no matter."""
    bucket = request.getfixturevalue("bucket") if request.param == "s3" else "memory:/"
    return f"{bucket}/place{next(_numbers)}"


@pytest.fixture(params=["directory", "s3"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return a fresh place for a repository, for tests in which it is opened again, or is large."""
    if request.param == "s3":
        return f"{request.getfixturevalue('bucket')}/home{next(_numbers)}"
    return str(tmp_path / "home")


@pytest.fixture(params=["memory", "s3"])
def fresh(request: pytest.FixtureRequest) -> Fresh:
    """Return a function that gives a fresh place at each call.

    Laws are tried on many examples: the first of them run on S3, where the test does, and the others in memory.
    """
    bucket = request.getfixturevalue("bucket") if request.param == "s3" else ""
    left = iter(range(_FIRST if bucket else 0))
    return lambda: "memory://" if next(left, None) is None else f"{bucket}/fresh{next(_numbers)}"


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """Run an S3 server and return its URL."""
    with s3_server() as url:
        make_bucket(url, "bucket")
        yield url


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the URL of a bucket that this process can use."""
    return use(s3, monkeypatch)


def use(url: str, patch: pytest.MonkeyPatch) -> str:
    """Let this process use an S3 server; return the URL of the bucket there."""
    for name, value in {**ENVIRONMENT, "AWS_ENDPOINT_URL": url}.items():
        patch.setenv(name, value)
    return "s3://bucket"


@pytest.fixture
def storage(location: str) -> Storage:
    """Return an empty storage."""
    return Storage(location)


@pytest.fixture
def repo(home: str) -> Repo:
    """Return an empty repository, which works in one thread."""
    made = Repo.init(home)
    made.executor = LocalExecutor(1)
    return made


@pytest.fixture
def shop(fresh: Fresh) -> Workshop:
    """Return a workshop, which works in one thread."""
    return Workshop(Objects(Storage(fresh())), LocalExecutor(1))


@pytest.fixture
def weak_hashes(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Return a function that leaves only so many bits of every key hash, so that different keys collide."""

    return lambda bits: weaken(monkeypatch, bits)


def weaken(patch: pytest.MonkeyPatch, bits: int) -> None:
    """Leave only so many bits of every key hash."""

    def weak(table: pa.Table, key: Sequence[str]) -> U64:
        return hash_keys(table, key) & np.uint64((1 << bits) - 1)

    for module in (chunk, lookup, edit, merge):
        patch.setattr(module, "hash_keys", weak)
    for reader in (lookup, diff):
        patch.setattr(reader, "is_one_to_one", lambda kinds, hashes: False)
