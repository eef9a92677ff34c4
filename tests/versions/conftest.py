"""What the tests of proposals share: two who look at a repository, ``ada`` and ``bob``."""

from __future__ import annotations

import pytest

from headwater.versions.proposals import Proposals
from headwater.versions.repo import Repo
from tests.versions.reviewing import Fixed, reviewed


@pytest.fixture
def ada(repo: Repo) -> Proposals:
    """Return the proposals as ada sees them; checks pass."""
    return Proposals(repo, Fixed())


@pytest.fixture
def bob(repo: Repo) -> Proposals:
    """Return the proposals as bob sees them."""
    return reviewed(repo, "bob")
