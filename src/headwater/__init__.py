"""Git and CI for ML data, and the pipelines that carry it: the public names, loaded when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from headwater.api import Repo, clone, init, open
    from headwater.core.contract import Contract
    from headwater.core.errors import HeadwaterError
    from headwater.core.findings import Finding
    from headwater.models.impact import impact
    from headwater.models.line import line
    from headwater.pipelines.graph import dataset, repository, secret
    from headwater.pipelines.pipeline import pipeline
    from headwater.pipelines.step import step
    from headwater.pipelines.triggers import OnCommit, OnDrift, OnFiles, Schedule
    from headwater.reading.dataset import Dataset

__all__ = [
    "Contract",
    "Dataset",
    "Finding",
    "HeadwaterError",
    "OnCommit",
    "OnDrift",
    "OnFiles",
    "Repo",
    "Schedule",
    "__version__",
    "clone",
    "dataset",
    "impact",
    "init",
    "line",
    "open",
    "pipeline",
    "repository",
    "secret",
    "step",
]

__version__ = "0.1.0"

# Importing the package must stay cheap, so a name's module is imported when the name is first used.
_HOMES = {
    "Contract": "headwater.core.contract",
    "Dataset": "headwater.reading.dataset",
    "Finding": "headwater.core.findings",
    "HeadwaterError": "headwater.core.errors",
    "OnCommit": "headwater.pipelines.triggers",
    "OnDrift": "headwater.pipelines.triggers",
    "OnFiles": "headwater.pipelines.triggers",
    "Schedule": "headwater.pipelines.triggers",
    "Repo": "headwater.api",
    "clone": "headwater.api",
    "impact": "headwater.models.impact",
    "init": "headwater.api",
    "open": "headwater.api",
    "line": "headwater.models.line",
    "dataset": "headwater.pipelines.graph",
    "pipeline": "headwater.pipelines.pipeline",
    "repository": "headwater.pipelines.graph",
    "secret": "headwater.pipelines.graph",
    "step": "headwater.pipelines.step",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'headwater' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
