"""Random histories against a model of plain dicts: rows, merges, going back, garbage, and what checks say of them."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from headwater.api import Repo
from headwater.checks.base import Target
from headwater.checks.runner import run
from headwater.checks.suite import check_of
from headwater.core.contract import Contract, Rule
from headwater.core.errors import MergeConflict, UsageError
from headwater.store import chunklist
from headwater.store.graph import merge_base
from headwater.versions.fsck import verify
from headwater.versions.gc import collect

Row = dict[str, Any]
Rows = dict[int, Row]

IDS = st.integers(0, 12)
CELLS = {"v": st.sampled_from(["a", "b", "", None]), "w": st.sampled_from([0, 1, -7, 2**40, None])}
ROW = st.fixed_dictionaries(CELLS)
PART = st.fixed_dictionaries({}, optional=CELLS)
BRANCH = st.sampled_from(["main", "side", "a/b"])

RULES = (
    Rule(check="completeness.null_fraction", column="v", parameters={"maximum": 0.25}),
    Rule(check="validity.range", column="w", parameters={"minimum": 0, "maximum": 1}),
    Rule(check="validity.set", column="v", parameters={"values": ["a", "b"]}),
    Rule(check="uniqueness.columns", parameters={"columns": ["v", "w"]}),
    Rule(check="volume.rows", parameters={"minimum": 3, "maximum": 9}),
    Rule(check="distribution.mean", column="w", parameters={"minimum": 0, "maximum": 1}),
    Rule(check="consistency.rule", parameters={"condition": "w >= 0"}),
)
CONTRACT = Contract(dataset="p", key=("id",), rules=RULES)


PAGES = chunklist.INLINE, chunklist._FAN


class Conflict(Exception):
    """Both sides changed the same cell."""


def merged(base: Rows, ours: Rows, theirs: Rows) -> Rows:
    """Merge by key and cell, as the documentation says."""
    out = {key: merged_row(base.get(key), ours.get(key), theirs.get(key)) for key in {*base, *ours, *theirs}}
    return {key: row for key, row in out.items() if row is not None}


def merged_row(base: Row | None, ours: Row | None, theirs: Row | None) -> Row | None:
    if theirs in (ours, base):
        return ours
    if ours == base:
        return theirs
    if ours is None or theirs is None:
        raise Conflict
    # Of a row that both sides add, a null is a cell that nobody wrote.
    base = base or dict.fromkeys(ours)
    if any(ours[c] != base[c] and theirs[c] not in (ours[c], base[c]) for c in base):
        raise Conflict
    return {c: theirs[c] if ours[c] == base[c] else ours[c] for c in base}


class Histories(RuleBasedStateMachine):
    """Branches of one dataset, and for each commit ever made the rows it must hold."""

    @initialize(rows=st.dictionaries(IDS, ROW, min_size=1), paged=st.booleans())
    def begin(self, rows: Rows, paged: bool) -> None:
        if paged:
            chunklist.INLINE, chunklist._FAN = 1, 2
        self.repo = Repo.init("memory://")
        self.commits: dict[str, Rows] = {}
        self.moves: dict[str, list[str]] = {}
        with self.repo.transaction("first") as tx:
            tx.append("p", [{"id": key, **row} for key, row in rows.items()], key="id")
        self.moved("main", tx.commit_id, rows)

    def moved(self, branch: str, commit: str | None, rows: Rows) -> None:
        """Tell the model where a branch is now."""
        assert commit is not None
        moves = self.moves.setdefault(branch, [])
        if not moves or moves[-1] != commit:
            moves.append(commit)
        assert self.commits.setdefault(commit, rows) == rows

    def rows(self, branch: str) -> Rows:
        return copy.deepcopy(self.commits[self.moves[branch][-1]])

    def existing(self, branch: str) -> str:
        return branch if branch in self.moves else "main"

    @rule(branch=BRANCH, changes=st.dictionaries(IDS, PART, min_size=1, max_size=6))
    def upsert(self, branch: str, changes: dict[int, Row]) -> None:
        branch = self.existing(branch)
        rows = self.rows(branch)
        columns = sorted({name for part in changes.values() for name in part})
        changes = {key: {name: part.get(name) for name in columns} for key, part in changes.items()}
        for key, part in changes.items():
            rows[key] = {"v": None, "w": None, **rows.get(key, {}), **part}
        with self.repo.branch(branch).transaction("upsert") as tx:
            tx.upsert("p", [{"id": key, **part} for key, part in changes.items()])
        self.moved(branch, tx.commit_id, rows)

    @rule(branch=BRANCH, change=st.sets(IDS, max_size=8))
    def delete(self, branch: str, change: set[int]) -> None:
        branch = self.existing(branch)
        rows = self.rows(branch)
        gone = sorted(change & rows.keys())
        with self.repo.branch(branch).transaction("delete") as tx:
            tx.delete("p", keys=gone)
        self.moved(branch, tx.commit_id, {key: row for key, row in rows.items() if key not in change})

    @rule(branch=BRANCH, rows=st.dictionaries(IDS, ROW, min_size=1))
    def overwrite(self, branch: str, rows: Rows) -> None:
        branch = self.existing(branch)
        with self.repo.branch(branch).transaction("overwrite") as tx:
            tx.overwrite("p", [{"id": key, **row} for key, row in rows.items()])
        self.moved(branch, tx.commit_id, rows)

    @rule(branch=BRANCH, start=BRANCH)
    def create_branch(self, branch: str, start: str) -> None:
        start = self.existing(start)
        if branch in self.moves:
            with pytest.raises(UsageError, match="already"):
                self.repo.create_branch(branch, start)
        else:
            self.moved(branch, self.repo.create_branch(branch, start), self.rows(start))

    @precondition(lambda self: len(self.moves) > 1)
    @rule()
    def delete_branch(self) -> None:
        branch = max(self.moves.keys() - {"main"})
        assert self.repo.delete_branch(branch) == self.moves.pop(branch)[-1]

    @precondition(lambda self: len(self.moves) > 1)
    @rule(source=BRANCH, into=BRANCH)
    def merge(self, source: str, into: str) -> None:
        source, into = self.existing(source), self.existing(into)
        heads = (self.moves[into][-1], self.moves[source][-1])
        base = merge_base(*heads, self.repo.objects)  # type: ignore[arg-type]
        before = self.commits[base] if base else {}
        try:
            rows = merged(before, self.rows(into), self.rows(source))
        except Conflict:
            with pytest.raises(MergeConflict):
                self.repo.merge(source, into=into)
        else:
            self.moved(into, self.repo.merge(source, into=into).commit, rows)

    @rule(back=st.integers(0, 3))
    def revert(self, back: int) -> None:
        log = list(self.repo.log())
        target = log[min(back, len(log) - 1)]
        if not target.parents:
            return
        change, before = self.commits[target.id], self.commits[target.parents[0]]
        try:
            rows = merged(change, self.rows("main"), before)
        except Conflict:
            with pytest.raises(MergeConflict):
                self.repo.revert(target.id)
        else:
            self.moved("main", self.repo.revert(target.id), rows)

    @precondition(lambda self: any(len(moves) > 1 for moves in self.moves.values()))
    @rule()
    def undo(self) -> None:
        branch = max(self.moves, key=lambda name: len(self.moves[name]))
        self.moves[branch].pop()
        assert self.repo.undo(branch) == self.moves[branch][-1]

    @rule(keep=st.booleans())
    def gc(self, keep: bool) -> None:
        collect(self.repo, grace=timedelta(), keep_reflog=timedelta(days=1 if keep else 0))
        if not keep:
            self.moves = {branch: moves[-1:] for branch, moves in self.moves.items()}

    @rule(branch=BRANCH)
    def check(self, branch: str) -> None:
        """What is found with all that is cached is what is found from nothing."""
        dataset = self.repo.at(self.existing(branch))["p"]
        found = []
        for cache in (self.repo.cache, None):
            target = Target(
                dataset=dataset,
                contract=CONTRACT,
                baseline=None,
                executor=self.repo.executor,
                cache=cache,
                progress=self.repo.progress,
                seed=0,
            )
            report = run(target, [check_of(rule) for rule in RULES], suite="rules")
            found.append([(one.check, one.column, one.outcome, one.rows) for one in report.findings])
        assert found[0] == found[1]

    @invariant()
    def every_branch_holds_the_rows_of_the_model(self) -> None:
        if not hasattr(self, "moves"):
            return
        assert self.repo.branches() == {branch: moves[-1] for branch, moves in self.moves.items()}
        for branch in self.moves:
            found = self.repo.at(branch)["p"].to_arrow().to_pylist()
            assert {row.pop("id"): row for row in found} == self.rows(branch)
            assert len(found) == len(self.rows(branch))

    def teardown(self) -> None:
        chunklist.INLINE, chunklist._FAN = PAGES
        if hasattr(self, "repo"):
            assert verify(self.repo).findings == []


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
