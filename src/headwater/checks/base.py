"""What a check is: the protocol of all families, what a check looks at, and the registry.

To add a check, write one file in this folder with a frozen dataclass that derives from `Check`, gives
its parameters as fields with defaults, and is registered under its id::

    @CHECKS.register("completeness.null_fraction")
    @dataclass(frozen=True, kw_only=True)
    class NullFraction(Check):
        id = "completeness.null_fraction"
        title = "Missing values"
        column: str
        maximum: float = 0.0

        def measures(self, target: Target) -> Sequence[Measure[Any]]:
            return [Counts(column=self.column)]

        def judge(self, states: States, target: Target) -> list[Finding]:
            ...

`measures` names what must be known, all checks' measures are taken in one scan, and `judge` turns
states into findings. A check that needs the rows themselves (a model, a search for near duplicates)
gives ``cost = "rows"`` or ``"model"``, returns no measures, and reads ``target.dataset`` in `judge`.
The shared suite ``tests/checks/test_every_check.py`` covers every registered check.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.contract import Contract
from headwater.core.errors import NotFound, SchemaError
from headwater.core.findings import Finding, Outcome
from headwater.core.progress import SILENT, Progress
from headwater.core.registry import Registry
from headwater.engine.base import Executor
from headwater.engine.local import LocalExecutor
from headwater.profile.base import Measure, State
from headwater.profile.kinds import Kind, kind_of
from headwater.reading.dataset import Dataset
from headwater.store.cache import Cache

__all__ = ["CHECKS", "Check", "Cost", "Level", "RowFilter", "States", "Target", "outcome_of"]

Cost = Literal["scan", "rows", "model"]
Level = Literal["warn", "fail"]

S = TypeVar("S", bound=State)


def _alone(name: str) -> Dataset:
    raise NotFound(
        f"There is no dataset {name!r} here to look into: the data is checked by itself. Import both into one "
        "repository.",
        kind="dataset",
        name=name,
    )


@dataclass(frozen=True, kw_only=True)
class Target:
    """What checks look at, and with what.

    Parameters
    ----------
    dataset : Dataset
        The rows to judge.
    contract : Contract
        What is promised of them: roles (``label``, ``sensitive``, ``time``) come from here. Never None:
        without a contract it is one without rules.
    baseline : Dataset, optional
        What to compare with, for drift, schema and volume; the same dataset at another ref, mostly.
    executor : Executor
        Runs the work on chunks.
    cache : Cache, optional
        Where states of chunks and scores of rows are kept; None measures afresh.
    progress : Progress
        Told about the work.
    seed : int
        Seed of all randomness; see `rng`.
    now : datetime
        The time that ages are counted from.
    row_limit : int
        How many keys of offending rows a finding lists at most.
    beside : callable
        Gives another dataset of the same commit, by its name; there is none by default.

    Raises
    ------
    SchemaError
        If a list, vector or struct is to be the label or a sensitive feature.
    """

    dataset: Dataset
    contract: Contract
    baseline: Dataset | None = None
    executor: Executor = field(default_factory=LocalExecutor)
    cache: Cache | None = None
    progress: Progress = SILENT
    seed: int = 0
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    row_limit: int = 50
    beside: Callable[[str], Dataset] = _alone

    def __getstate__(self) -> dict[str, Any]:
        # Work on chunks takes its target along to other processes. Nobody waits or watches there.
        return {**self.__dict__, "executor": LocalExecutor(1), "progress": SILENT, "beside": _alone}

    def __post_init__(self) -> None:
        """Refuse roles that a column cannot have."""
        roles = [("label", self.contract.label), *(("sensitive feature", name) for name in self.sensitive)]
        for role, name in roles:
            if name in self.schema.names and not kind_of(self.schema.field(name).type).is_countable:
                raise SchemaError(
                    f"Column {name!r} of dataset {self.dataset.name!r} is {self.schema.field(name).type}, and so no "
                    f"{role}: that takes values that can be counted. Choose another column.",
                    column=name,
                )

    @property
    def schema(self) -> pa.Schema:
        """Columns and types of the dataset."""
        return self.dataset.schema

    @property
    def key(self) -> tuple[str, ...]:
        """Columns that identify a row: the dataset's, else the contract's; empty for a content key."""
        return self.dataset.key or self.contract.key

    @property
    def label(self) -> str | None:
        """The column a model learns to predict."""
        return self.contract.label

    @property
    def sensitive(self) -> tuple[str, ...]:
        """The sensitive features."""
        return self.contract.sensitive

    @property
    def time(self) -> str | None:
        """The column that says when a row's event happened."""
        return self.contract.time

    def columns_of(self, *kinds: Kind) -> list[str]:
        """Return the names of the columns whose values are of these kinds."""
        return [field.name for field in self.schema if kind_of(field.type) in kinds]

    def rng(self, name: str) -> np.random.Generator:
        """Return a generator of its own for the use ``name``: the same for the same seed and name."""
        return np.random.default_rng([self.seed, *name.encode()])

    def against(self, baseline: Dataset | None) -> Target:
        """Return the same target with another baseline."""
        return replace(self, baseline=baseline)


@dataclass(frozen=True)
class RowFilter:
    """Rows that no SQL condition over one row can tell, such as those whose value another row has as well.

    Parameters
    ----------
    columns : tuple of str
        The columns it looks at.
    mask : callable
        Given the rows of one chunk with these columns, returns for each whether it is meant. It is called chunk
        by chunk: what it must know of the other rows is worked out before.
    about : str
        A name for what it depends on beside the rows of the dataset.
    """

    columns: tuple[str, ...]
    mask: Callable[[pa.Table], NDArray[np.bool_]]
    about: str = ""


class States(Protocol):
    """The states of a dataset's measures, as a judge gets them."""

    @property
    def rows(self) -> int:
        """Live rows of the dataset."""
        ...

    @property
    def baseline(self) -> States | None:
        """The states of the baseline, for the measures that `Check.baseline_measures` asked for."""
        ...

    def __getitem__(self, measure: Measure[S]) -> S:
        """Return the state of a measure.

        Raises
        ------
        HeadwaterError
            The error that taking the measure raised, if it did; the runner makes it a finding.
        """
        ...


class Check(Protocol):
    """One check with its parameters: a frozen dataclass, so that equal checks are equal.

    Attributes
    ----------
    id : str
        ``family.measure``; the name it is registered under.
    version : int
        Raised when verdicts may change.
    title : str
        A few words for headings, without the column.
    cost : {"scan", "rows", "model"}
        ``scan``: judged by states of the one shared scan. ``rows``: reads rows. ``model``: trains a model.
    keeps_findings : bool
        Whether findings are kept by content although the cost is ``scan``, because judging takes long.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    version: ClassVar[int] = 1
    cost: ClassVar[Cost] = "scan"
    keeps_findings: ClassVar[bool] = False

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Return the checks of this kind that belong into the default suite of a target.

        None by default; the plain checks of columns are chosen in `headwater.checks.suite`. Decide by the
        types of columns and the roles of the contract alone, so that the suite does not change with the rows.
        """
        return ()

    def measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Return what must be known of the dataset; nothing by default."""
        return ()

    def baseline_measures(self, target: Target) -> Sequence[Measure[Any]]:
        """Return what must be known of ``target.baseline``; asked only when there is one."""
        return ()

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Return what was found: at least one finding, with outcome ``pass`` where all is well.

        ``row_count`` of a finding is exact; its ``rows`` stay empty where `offending` gives a condition,
        for the runner fills them in. States may be stale (``state.stale_rows``): a judge whose verdict
        could then flip raises `headwater.profile.base.NeedExact`.

        Raises
        ------
        NeedExact
            To have measures taken again.
        """
        ...

    def depends_on(self, target: Target) -> str:
        """Name what findings depend on besides the rows, the contract and the baseline; nothing by default.

        Asked of checks whose findings are kept by content.
        """
        return ""

    def asks(self) -> str:
        """Say in a few words what a row is asked for, as a reader of one row that lacks it wants to know it."""
        return type(self).title[:1].lower() + type(self).title[1:]

    def offending(self, finding: Finding, target: Target) -> str | RowFilter | None:
        """Say which rows a finding is about: a SQL condition or a `RowFilter`; None if it is not about rows.

        Asked only for findings that do not pass, so rows are read only then. It must hold for exactly
        ``finding.row_count`` rows.
        """
        return None


CHECKS: Registry[type[Check]] = Registry("check", "headwater.checks")
"""Every kind of check, by id."""


def outcome_of(broken: bool, level: Level) -> Outcome:
    """Return ``pass``, or the outcome that a broken check of this level has."""
    return Outcome(level) if broken else Outcome.PASS
