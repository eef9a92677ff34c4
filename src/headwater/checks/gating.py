"""Judge what a commit changes as its gate asks, and take out the rows that go to quarantine instead of stopping it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Target
from headwater.checks.old_trouble import hits, sort_out
from headwater.checks.report import Report
from headwater.checks.runner import run
from headwater.checks.suite import Suite, contract_suite, suite_for
from headwater.core.errors import NotFound, UsageError
from headwater.core.findings import Finding
from headwater.core.references import hash_rows
from headwater.reading.dataset import Dataset
from headwater.store.lookup import Places, gather
from headwater.store.manifest import Manifest
from headwater.store.writing import Workshop
from headwater.versions import edit
from headwater.versions.diff import as_text, row_changes
from headwater.versions.gate import Gate
from headwater.versions.incoming import Rows
from headwater.versions.transaction import QUARANTINE

__all__ = ["Gated", "audit", "require_checks", "require_names", "suite_of"]


_SHOWN = 60


@dataclass(frozen=True, kw_only=True)
class Gated:
    """What a gate found in one dataset of a commit: what keeps it out, and what the branch had before.

    ``manifest`` and ``waiting`` are the dataset and its quarantine after rows were diverted; None if none were.
    """

    report: Report
    blocking: tuple[Finding, ...]
    standing: tuple[Finding, ...] = ()
    diverted: int = 0
    manifest: Manifest | None = None
    waiting: Manifest | None = None


def require_checks(gate: Gate) -> None:
    """Refuse a gate that names a check which is not there.

    Raises
    ------
    NotFound
        If a name is no check, or family of checks.
    """
    families = {name.partition(".")[0] for name in CHECKS}
    for name in gate.only:
        if name not in CHECKS and name not in families:
            raise NotFound.among("check", name, [*CHECKS, *families])
    for name in gate.divert:
        if name.partition(":")[0] not in CHECKS:
            raise NotFound.among("check", name.partition(":")[0], CHECKS)


def require_names(gate: Gate, here: Mapping[str, Dataset], where: str) -> None:
    """Refuse a gate that names a dataset or a column which is not there: it would be shut to nothing.

    Parameters
    ----------
    gate : Gate
        What is to be verified; a pattern, as ``web_*``, may fit nothing yet.
    here : mapping of str to Dataset
        The datasets that there are.
    where : str
        Where they are, for the message.

    Raises
    ------
    NotFound
        If a name is not there.
    """
    for name in gate.datasets:
        if name not in here and not set(name) & set("*?["):
            raise _later(NotFound.among("dataset", name, here, where=where))
    looked_at = [here[name] for name in here if gate.covers(name)]
    columns = [*dict.fromkeys(column for dataset in looked_at for column in dataset.schema.names)]
    for name in gate.divert:
        _, colon, column = name.partition(":")
        for part in [column] if column in columns else column.split(", "):
            if colon and part not in columns:
                raise _later(NotFound.among("column", part, columns, where=f"the datasets of {where}"))


def _later(error: NotFound) -> NotFound:
    return NotFound(f"{error.message} For one that is yet to come, add --force (force=True).", **error.facts)


def suite_of(gate: Gate, target: Target) -> Suite:
    """Return the checks that a gate asks for; none where nothing of what it names fits the dataset.

    Checks that divert rows are among them, named by ``only`` or not.
    """
    suite = contract_suite(target) if gate.suite == "contract" else suite_for(target)
    if not gate.only:
        return suite
    try:
        return suite.only(*gate.only, *(name.partition(":")[0] for name in gate.divert))
    except UsageError as error:
        if error.facts.get("kind") != "suite":
            raise
        return Suite(name=suite.name)


def audit(
    gate: Gate,
    target: Target,
    before: Manifest | None,
    waiting: Manifest | None,
    shop: Workshop,
    *,
    divert: bool,
    earlier: Callable[[], Target] | None = None,
) -> Gated:
    """Judge a dataset of a commit.

    Parameters
    ----------
    gate : Gate
        What is asked.
    target : Target
        The dataset as the commit has it, its contract and baseline.
    before, waiting : Manifest, optional
        The dataset as the branch has it, and the quarantine of the dataset as the commit has it.
    shop : Workshop
        For writing.
    divert : bool
        Whether rows may be diverted; else they keep the commit out.
    earlier : callable, optional
        Gives the dataset as the branch has it, with its contract there. What it has been found to have already does
        not keep the commit out; see `headwater.checks.old_trouble`. None: all that is found does.

    Notes
    -----
    Only rows that are new or changed are diverted: of a changed one the branch keeps what it had. A row that
    the branch has already stays, whatever the rule says.
    """
    stopping: list[Finding] = []
    counted, manifest, queue = 0, None, None
    if gate.divert:
        taken, stopping = _taken(gate, target, before, shop)
        counted = len(taken)
        if counted and not divert:
            stopping += taken.findings
            counted = 0
        elif counted:
            manifest = _without(target.dataset.manifest, before, taken, shop, target.dataset.name)
            queue = _queued(waiting, _told(target, taken, shop), shop, target.dataset)
            target = replace(target, dataset=_dataset(target.dataset, manifest, shop))
    suite = suite_of(gate, target)
    report = run(target, suite.checks, suite=suite.name)
    blocking = [finding for finding in report.findings if gate.blocking(finding)]
    blocking += [one for one in stopping if one not in blocking]
    standing: list[Finding] = []
    if blocking and earlier is not None:
        blocking, standing = sort_out(blocking, target, earlier, lambda of: suite_of(gate, of).checks, shop)
    return Gated(
        report=report,
        blocking=tuple(blocking),
        standing=tuple(standing),
        diverted=counted,
        manifest=manifest,
        waiting=queue,
    )


@dataclass
class _Taken:
    """Rows to take out: where they are, where the branch has them, and which finding each is for."""

    new: Places
    old: Places
    reasons: NDArray[np.int64]
    findings: list[Finding]
    asked: list[str]

    def __len__(self) -> int:
        return len(self.new)


def _taken(
    gate: Gate, target: Target, before: Manifest | None, shop: Workshop
) -> tuple[_Taken, list[Finding]]:
    """Return the rows to divert, and the findings of diverting checks that name no rows."""
    now = target.dataset.manifest
    old = before if before is not None else Manifest(schema=now.schema, key=now.key)
    changes = row_changes(old, now, shop.objects, shop.executor)
    places = Places.join([changes.added, changes.after])
    reasons = np.full(len(places), -1, np.int64)
    findings: list[Finding] = []
    asked: list[str] = []
    stopping: list[Finding] = []
    names = {name.partition(":")[0] for name in gate.divert}
    for check in (one for one in suite_of(gate, target).checks if one.id in names):
        for finding in run(target, [check]).findings:
            if not gate.diverts(finding):
                continue
            which = check.offending(finding, target)
            if which is None:
                stopping += [finding] if replace(gate, divert=()).blocking(finding) else []
                continue
            fresh = hits(which, now, places, shop) & (reasons < 0)
            if fresh.any():
                reasons[fresh] = len(findings)
                findings.append(finding)
                asked.append(check.asks())
    chosen = reasons >= 0
    pairs = chosen[len(changes.added) :]
    return _Taken(places[chosen], changes.before[pairs], reasons[chosen], findings, asked), stopping


def _without(now: Manifest, before: Manifest | None, taken: _Taken, shop: Workshop, name: str) -> Manifest:
    """Return a dataset without the rows that are taken out; of changed ones it has what the branch has."""
    manifest = edit.delete_places(now, taken.new, shop)
    if before is None or not len(taken.old):
        return manifest
    columns = [column for column in before.schema.names if column in now.schema.names]
    rows = gather(before, taken.old, shop.objects, columns=columns, executor=shop.executor)
    stored = Rows(rows.schema, rows.to_batches(), is_stored=True)
    return edit.upsert(manifest, stored, shop, name=name, schema_change="safe")


def _told(target: Target, taken: _Taken, shop: Workshop) -> pa.Table:
    """Return the rows that are taken out, with the reason, the check and the time."""
    rows = gather(target.dataset.manifest, taken.new, shop.objects, executor=shop.executor)
    checks = pa.array([one.check for one in taken.findings], pa.string()).take(pa.array(taken.reasons))
    rows = rows.append_column("_reason", _reasons(rows, taken)).append_column("_check", checks)
    time = pa.scalar(target.now.astimezone(UTC), pa.timestamp("us", "UTC"))
    return rows.append_column("_time", pa.repeat(time, rows.num_rows))


def _reasons(rows: pa.Table, taken: _Taken) -> pa.Array:
    """Return for each row what it has in the columns of its finding, and what was asked."""
    out = np.empty(rows.num_rows, object)
    for number, (finding, asked) in enumerate(zip(taken.findings, taken.asked, strict=True)):
        at = np.flatnonzero(taken.reasons == number)
        mine = rows.take(pa.array(at))
        column = finding.column or ""
        names = [column] if column in rows.column_names else column.split(", ")
        told = [
            pc.binary_join_element_wise(
                f"{name} = ", pc.utf8_slice_codeunits(_text(mine.column(name)), 0, _SHOWN), ""
            )
            for name in names
            if name in rows.column_names
        ]
        text = pc.binary_join_element_wise(*told, ", ") if told else pa.array([""] * len(at))
        out[at] = pc.binary_join_element_wise(text, asked, ": " if told else "").to_numpy(
            zero_copy_only=False
        )
    return pa.array(out, pa.string())


def _text(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(as_text(values), "null")


def _queued(waiting: Manifest | None, rows: pa.Table, shop: Workshop, of: Dataset) -> Manifest:
    """Return a quarantine with further rows; one that waits there already as it is waits once."""
    there = waiting if waiting is not None else Manifest(schema=rows.schema)
    data = [column for column in rows.column_names if not column.startswith("_")]
    if set(data) <= set(there.schema.names) and all(
        there.schema.field(column).type == rows.schema.field(column).type for column in data
    ):
        known = [hash_rows(table, data) for table in _tables(_dataset(of, there, shop), data)]
        mine = hash_rows(rows, data)
        rows = rows.filter(pa.array(~np.isin(mine, np.concatenate([mine[:0], *known]))))
    stored = Rows(rows.schema, rows.to_batches(), is_stored=True)
    queue, _ = edit.append(there, stored, shop, name=QUARANTINE.format(of.name), schema_change="any")
    return queue


def _tables(dataset: Dataset, columns: list[str]) -> Iterator[pa.Table]:
    for batch in dataset.stored(columns):
        yield pa.Table.from_batches([batch])


def _dataset(like: Dataset, manifest: Manifest, shop: Workshop) -> Dataset:
    """Return another version of a dataset."""
    return Dataset(
        like.name, manifest, commit=like.commit, objects=shop.objects, executor=shop.executor, at=like.at
    )
