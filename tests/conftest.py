"""What all tests share: hypothesis profiles, seeded randomness, and the place of the shared data sets."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"

pytest_plugins = ["tests.places", "tests.clusters"]

settings.register_profile(
    "dev",
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("ci", settings.get_profile("dev"), derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture
def shared() -> Path:
    """Return the folder of published data sets that lies beside the checkout; skip the test without it."""
    if not SHARED.is_dir():
        pytest.skip(f"no data sets in {SHARED}")
    return SHARED


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a random generator with a fixed seed."""
    return np.random.default_rng(20261123)
