"""What the tests of reading share: a dataset of many small chunks, with rows deleted and columns in groups."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from headwater.engine.local import LocalExecutor
from headwater.reading.dataset import Dataset
from headwater.store import writing
from headwater.versions import transaction
from headwater.versions.repo import Repo
from tests.places import use


@pytest.fixture(scope="module", params=["memory", "s3"])
def cut(request: pytest.FixtureRequest) -> Iterator[Dataset]:
    """Ten chunks of ten rows, with rows deleted in each, all of one, and a column added later."""
    with pytest.MonkeyPatch.context() as patch:
        bucket = use(request.getfixturevalue("s3"), patch) if request.param == "s3" else ""
        patch.setattr(writing, "CHUNK_ROWS", 10)
        patch.setattr(transaction, "compact", lambda manifest, shop: manifest)
        repo = Repo.init(f"{bucket}/{uuid.uuid4().hex}" if bucket else "memory://")
        repo.executor = LocalExecutor(4)
        with repo.transaction("rows") as tx:
            tx.append("d", {"id": range(100), "v": [f"v{number % 7}" for number in range(100)]}, key="id")
        with repo.transaction("fewer") as tx:
            tx.add_columns("d", {"id": range(0, 100, 2), "w": range(50)})
            tx.delete("d", where="id % 10 = 3 OR id BETWEEN 40 AND 49")
            tx.rename_columns("d", {"v": "text"})
        yield repo["d"]
