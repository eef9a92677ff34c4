"""The cache: bytes kept by name where the place can be written, and done without where it cannot."""

from __future__ import annotations

import logging

import pytest

from headwater.core.errors import StorageDenied, StorageFull
from headwater.store.cache import Cache
from headwater.store.storage import Storage
from tests.places import Fresh


def test_cached_bytes_are_read_where_they_lie_and_forgotten(storage: Storage) -> None:
    cache = Cache(storage, "cache/")
    cache.put("scores/x/a", b"bytes")
    buffer = cache.buffer("scores/x/a")
    assert buffer is not None
    assert buffer.to_pybytes() == cache.get("scores/x/a") == b"bytes"
    assert cache.buffer("scores/x/b") is None
    assert cache.list("scores") == ["scores/x/a"]
    cache.forget(["scores/x/a", "scores/x/b"])
    assert cache.get("scores/x/a") is None
    assert cache.list("scores") == []


@pytest.mark.parametrize("error", [StorageDenied, StorageFull])
def test_where_nothing_can_be_kept_it_says_so_once(
    fresh: Fresh,
    error: type[StorageDenied | StorageFull],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    storage = Storage(fresh())

    def refuse(path: str, data: bytes) -> None:
        raise error("no room")

    monkeypatch.setattr(storage, "write", refuse)
    cache = Cache(storage)
    with caplog.at_level(logging.WARNING):
        cache.put("a", b"1")
        cache.put("b", b"2")
    assert cache.get("a") is None
    assert [record.getMessage() for record in caplog.records] == [
        "Results are not kept for the next time. no room"
    ]


def test_what_was_put_is_held() -> None:
    cache = Cache(Storage("memory://"), "notes/")
    assert not cache.holds("a")
    cache.put("a", b"1")
    assert cache.holds("a")
    assert not cache.holds("b")
