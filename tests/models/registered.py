"""A repository with a trained model in its registry, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

import headwater as hw
from headwater.models.registered import ModelVersion

__all__ = ["loans", "repo_with_loans", "repo_with_model"]


def loans(rows: int = 400, *, seed: int = 0, shift: float = 0.0) -> pa.Table:
    """Return applications whose approval follows from income and debt, with some chance."""
    rng = np.random.default_rng(seed)
    income = rng.normal(50 + shift, 15, rows)
    debt = rng.gamma(2.0, 10.0, rows)
    job = np.array(["nurse", "clerk", "smith"])[rng.integers(0, 3, rows)]
    region = np.array(["north", "south"])[rng.integers(0, 2, rows)]
    good = income - debt + 5 * (job == "nurse") + rng.normal(0, 8, rows) > 25
    return pa.table(
        {
            "id": np.arange(rows) + seed * 1_000_000,
            "income": income.round(1),
            "debt": pa.array([None if n % 23 == 0 else round(one, 1) for n, one in enumerate(debt)]),
            "job": job,
            "region": region,
            "approve": np.where(good, "yes", "no"),
        }
    )


def repo_with_loans(location: Any = "memory://") -> hw.Repo:
    """Return a repository with the dataset ``loans``."""
    repo = hw.init(location)
    repo.import_("loans", loans(), key="id", label="approve", sensitive=["region"])
    return repo


def repo_with_model(location: Any = "memory://", **options: Any) -> tuple[hw.Repo, ModelVersion]:
    """Return that repository with a model ``loans`` in its registry."""
    repo = repo_with_loans(location)
    return repo, repo.models.register(repo.train("loans", **options), "loans")
