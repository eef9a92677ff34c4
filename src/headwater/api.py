"""The one place where the layers meet: a repository that can also check, profile, train and compare."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from headwater.core.contract import Allowance, Contract
from headwater.core.errors import InvalidKeys, NotFound, UsageError
from headwater.core.findings import Finding, Outcome, findings_to_table
from headwater.core.ids import CommitId
from headwater.core.notify import announce
from headwater.core.schema import require_columns
from headwater.engine.named import executor_of
from headwater.store.manifest import save_manifest
from headwater.versions import repo as store
from headwater.versions.audit import Auditor, Judgement
from headwater.versions.fsck import Verified, verify
from headwater.versions.gate import BRANCH_ITSELF, Gate
from headwater.versions.gc import Collected, collect
from headwater.versions.importing import ImportResult, import_data
from headwater.versions.proposals import Proposals
from headwater.versions.sql import query
from headwater.versions.transaction import QUARANTINE

if TYPE_CHECKING:
    from headwater.checks.base import Target
    from headwater.checks.drift_history import DriftHistory
    from headwater.checks.report import Report
    from headwater.engine.base import Executor
    from headwater.models.backtest_report import Backtest
    from headwater.models.impact import Impact
    from headwater.models.influence_report import Influence
    from headwater.models.registered import Decision, Stage
    from headwater.models.registry import Models
    from headwater.models.train import Trained
    from headwater.pipelines.lineage import Lineage
    from headwater.pipelines.pipeline import Pipeline
    from headwater.pipelines.records import Runs
    from headwater.pipelines.reproduce import Reproduction
    from headwater.pipelines.run import RunResult
    from headwater.pipelines.scheduler import Scheduler
    from headwater.profile.report import Profile
    from headwater.reading.dataset import Dataset
    from headwater.recipes.wrong_cells import WrongCells
    from headwater.serving.explaining import PredictionExplained
    from headwater.store.commit import Commit
    from headwater.transforms.run import TransformResult
    from headwater.versions.proposal import Proposal

__all__ = ["Repo", "check_file", "clone", "init", "open", "profile_file"]

_ROWS_KEPT = 20
"""How many row keys of a finding the record of a proposal holds."""


class Repo(store.Repo):
    """A repository of datasets under version control.

    Examples
    --------
    >>> import headwater as hw
    >>> repo = hw.init("memory://")
    >>> with repo.transaction("two people") as tx:
    ...     tx.append("people", [{"id": 1, "age": 31}, {"id": 2, "age": 45}], key="id")
    >>> with repo.transaction("a birthday") as tx:
    ...     tx.upsert("people", [{"id": 1, "age": 32}])
    >>> repo.diff()["people"].cells().to_pylist()
    [{'id': 1, '_column': 'age', '_before': '31', '_after': '32'}]
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.listeners.append(announce)

    def import_(self, dataset: str, source: Any, **options: Any) -> ImportResult:
        """Import a file, folder, URL, query or data in memory as one commit.

        See `headwater.versions.importing.import_data` for the options.
        """
        return import_data(self, dataset, source, **options)

    def export(
        self,
        dataset: str,
        target: str | Path,
        *,
        format: str | None = None,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        overwrite: bool = False,
        **writing: Any,
    ) -> Path:
        """Write a dataset to a file or folder, all or nothing.

        Parameters
        ----------
        dataset : str
            Name, or ``NAME@REF``.
        target : str or Path
            Where to; the suffix says the format unless ``format`` does.
        format : str, optional
            ``csv``, ``tsv``, ``jsonl``, ``parquet``, ``arrow``, ``folder``, ``huggingface``, ``delta``, ``lance``,
            ``iceberg``, ``webdataset`` or ``croissant``; a dataset of files becomes a folder if the target has no
            suffix.
        columns, where : optional
            As in `headwater.reading.dataset.Dataset.scan`.
        overwrite : bool
            Write into a folder that holds something; files of the same paths are replaced, others stay.
        **writing : Any
            As in `headwater.formats.write.write`: ``shard_bytes``, ``note``.

        Returns
        -------
        Path
            The target.
        """
        from headwater.formats.base import About
        from headwater.formats.write import write

        here = self.dataset(dataset)
        if format is None and not Path(target).suffix and _is_folder(here.schema):
            format = "folder"
        about = About(
            name=here.name,
            contract=here.contract or Contract(dataset=here.name, key=here.key),
            published=self.commit(here.commit).time.date().isoformat() if here.commit else "",
            tags=here.manifest.tags,
        )
        if format == "folder":
            # Large values go from object to file, piece by piece.
            reader = here.stored(columns, where)
            writing = {**writing, "open_value": self.objects.stream}
        else:
            reader = here.reader(columns, where)
        write(reader, reader.schema, Path(target), format=format, overwrite=overwrite, about=about, **writing)
        return Path(target)

    def dataset(self, name: str) -> Dataset:
        """Return the dataset ``NAME`` here, or ``NAME@REF`` as it was."""
        plain, _, ref = name.partition("@")
        return (self.at(ref, dataset=plain) if ref else self)[plain]

    def sql(self, text: str) -> pa.Table:
        """Run a SQL query over any refs at once; see `headwater.versions.sql.query`."""
        return query(self, text)

    def gc(self, **options: Any) -> Collected:
        """Remove what no ref and no recent move of a ref needs; see `headwater.versions.gc.collect`."""
        return collect(self, **options)

    def fsck(self, *, data: bool = True) -> Verified:
        """Verify every ref, object, index and fingerprint; see `headwater.versions.fsck.verify`."""
        return verify(self, data=data)

    def check(
        self,
        dataset: str,
        *,
        against: str | None = None,
        contract: Contract | None = None,
        only: Sequence[str] = (),
        rows: int | None = 50,
        seed: int = 0,
        now: datetime | None = None,
        **roles: Any,
    ) -> Report:
        """Check a dataset: what its contract promises, and what makes sense for any such data.

        Parameters
        ----------
        dataset : str
            Name, or ``NAME@REF``.
        against : str, optional
            A ref to compare with: drift, schema and volume are then checked too.
        contract : Contract, optional
            The promises to hold it to; the dataset's own by default.
        only : sequence of str
            Ids or families of checks; all that fit by default.
        rows : int or None
            How many keys of offending rows a finding lists; None for all.
        seed : int
            Seed of the checks that train models.
        now : datetime, optional
            The time that freshness and allowances are judged at; now by default.
        **roles : Any
            ``label``, ``sensitive`` and ``time`` where the contract does not say them.

        Returns
        -------
        Report
            The findings, the most important first. They are also kept beside the commit, as a note.

        Raises
        ------
        NotFound
            If there is no such dataset, ref, column or check.
        """
        from headwater.checks.runner import run
        from headwater.checks.suite import suite_for

        here = self.dataset(dataset)
        baseline = self.at(against, dataset=here.name)[here.name] if against else None
        target = self._target(
            here, contract=contract, baseline=baseline, seed=seed, rows=rows, now=now, roles=roles
        )
        suite = suite_for(target)
        suite = suite.only(*only) if only else suite
        report = run(target, suite.checks, suite=suite.name)
        self._note(report)
        return report

    def allow(
        self, dataset: str, check: str, *, until: str | date, reason: str, column: str | None = None
    ) -> CommitId:
        """Put up with the findings of a check until a day, as one commit: they are reported, and stop nothing.

        Parameters
        ----------
        dataset : str
            Name.
        check : str
            Id of the check.
        until : str or date
            The last day, in UTC.
        reason : str
            Why.
        column : str, optional
            The column that the finding is about; any by default.

        Returns
        -------
        CommitId
            The commit; the allowance is in the contract of the dataset there, and so is who gave it and when.

        Raises
        ------
        NotFound
            If there is no such dataset, check or column.
        UsageError
            If the day is over, or no reason is given.
        """
        from headwater.checks.allowances import allow

        here = self[dataset]
        target = self._target(here)
        given = Allowance(
            check=check,
            column=column,
            until=str(until),
            reason=reason,
            by=self.author,
            since=target.now.astimezone(UTC).date().isoformat(),
        )
        contract = here.contract or Contract(dataset=here.name, key=here.key)
        about = f"{check} of {dataset}.{column}" if column else f"{check} of {dataset}"
        tx = self.transaction(f"Allow {about} until {until}: {reason}")
        tx.set_contract(dataset, allow(contract, given, target))
        done = tx.commit()
        assert done is not None, "a dataset that is there has a commit"
        return done

    def set_gate(self, branch: str, *, force: bool = False, **options: Any) -> Gate:
        """Give a branch a gate, or change it; see `headwater.versions.gate.Gates.set` and `Gate` for the options.

        Parameters
        ----------
        branch : str
            The branch.
        force : bool
            Whether the branch, datasets and columns may be named before they are there.
        **options : Any
            As in `Gate`; what is not given stays as it was.

        Raises
        ------
        NotFound
            If a check, a branch, a dataset, a column or the ref to compare with is named that is not there: such a gate
            would be open without a word, or shut for good.
        """
        from headwater.checks.gating import require_checks, require_names

        asked = Gate(branch=branch, **options)
        require_checks(asked)
        if asked.against not in (None, BRANCH_ITSELF):
            self.resolve(asked.against)
        there = self.branches()
        if not force:
            if branch not in there and branch != self.branch_name:
                error = NotFound.among("branch", branch, there)
                raise NotFound(
                    f"{error.message} For one that is yet to come, add --force (force=True).", **error.facts
                )
            at = self.at(there[branch]) if branch in there else self
            known = self.gates.of(branch) if "datasets" not in options else None
            about = replace(asked, datasets=known.datasets if known else asked.datasets)
            if asked.datasets or asked.divert:
                require_names(about, {name: at[name] for name in at.datasets()}, f"branch {branch!r}")
        return self.gates.set(branch, **options)

    @property
    def auditor(self) -> Auditor:
        """What judges commits for gates."""
        return self._audit

    def release_rows(
        self,
        dataset: str,
        *,
        reason: str,
        rows: Any = None,
        where: str | None = None,
        **reading: Any,
    ) -> CommitId:
        """Bring rows back from quarantine, through the gate; see `headwater.versions.releasing.release_rows`."""
        from headwater.versions.releasing import release_rows

        return release_rows(self, dataset, reason=reason, rows=rows, where=where, **reading)

    def _target(
        self,
        here: Dataset,
        *,
        contract: Contract | None = None,
        baseline: Dataset | None = None,
        seed: int = 0,
        rows: int | None = 50,
        now: datetime | None = None,
        roles: Mapping[str, Any] | None = None,
    ) -> Target:
        """Return what checks look at."""
        from headwater.checks.base import Target

        promised = contract or here.contract or Contract(dataset=here.name, key=here.key)
        promised = promised.within(here.schema.names).with_roles(**(roles or {}))
        named = [*promised.sensitive, *promised.key, *(n for n in (promised.label, promised.time) if n)]
        require_columns(here.schema, named, where=f"dataset {here.name!r}")
        return Target(
            dataset=here,
            contract=promised,
            baseline=baseline,
            executor=self.executor,
            cache=self.cache,
            progress=self.progress,
            seed=seed,
            row_limit=max(here.num_rows, 1) if rows is None else rows,
            beside=self.at(here.commit).__getitem__ if here.commit else self.__getitem__,
            now=now or datetime.now(UTC),
        )

    def _note(self, report: Report) -> None:
        """Keep the findings of a report beside its commit."""
        if report.ref:
            name = f"findings/{report.dataset}/{report.suite}.parquet"
            self.notes(CommitId(report.ref)).put(name, _parquet(findings_to_table(report.findings)))

    def _audit(self, gate: Gate, commit: Commit, before: CommitId | None, *, divert: bool) -> Judgement:
        """Judge the datasets that a commit changes, against a branch that is at ``before``."""
        from headwater.checks.gating import audit

        there = self.at(commit.id)
        held = self.commit(before).datasets if before else {}
        held_at = self.at(before) if before else None
        try:
            base = self._baseline(gate, before)
        except NotFound as error:
            return Judgement(blocking=[_without_baseline(gate, error)])
        datasets, diverted = dict(commit.datasets), {}
        blocking: list[dict[str, Any]] = []
        standing: list[dict[str, Any]] = []
        reports = []
        for name in sorted(commit.datasets):
            if not gate.covers(name) or held.get(name) == commit.datasets[name]:
                continue
            queue = QUARANTINE.format(name)
            baseline = base[name] if base is not None and name in base else None
            earlier = None
            if held_at is not None and name in held:
                earlier = partial(self._target, held_at[name], baseline=baseline)
            try:
                found = audit(
                    gate,
                    self._target(there[name], baseline=baseline),
                    self.manifest(name, before),
                    self.manifest(queue, commit.id),
                    self.workshop,
                    divert=divert,
                    earlier=earlier,
                )
            except UsageError as error:
                blocking.append(_unjudged(name, error.message))
                continue
            self._note(found.report)
            kept = _kept(found.report)
            reports.append(kept)
            blocking += _plain([_briefly(one) for one in found.blocking])
            standing += _plain([_briefly(one) for one in found.standing])
            if found.manifest is not None and found.waiting is not None:
                datasets[name] = save_manifest(found.manifest, self.objects)
                datasets[queue] = save_manifest(found.waiting, self.objects)
                diverted[name] = found.diverted
        return Judgement(
            blocking=blocking,
            standing=standing,
            reports=reports,
            datasets=datasets if diverted else None,
            diverted=diverted,
        )

    def _baseline(self, gate: Gate, before: CommitId | None) -> Repo | None:
        """Return the repository at what a gate compares with."""
        if gate.against is None or (gate.against == BRANCH_ITSELF and before is None):
            return None
        return self.at(str(before) if gate.against == BRANCH_ITSELF else gate.against)

    def drift(self, dataset: str, *, window: str | int | None = None, **options: Any) -> DriftHistory:
        """Say for each column when its distribution changed, and how: suddenly, gradually, or to and fro.

        Two versions alone are compared by ``check(dataset, against=REF, only=["drift"])``.

        Parameters
        ----------
        dataset : str
            Name, or ``NAME@REF``: the version to look back from.
        window : str or int, optional
            What to compare: what each commit brought by default; ``"7d"`` for spans of time, or a number of rows.
        **options : Any
            ``since``, ``time``, ``columns``, ``limit`` and ``least``: see
            `headwater.checks.drift_history.drift_history`.

        Returns
        -------
        DriftHistory
            ``changed()`` gives the columns that drift; ``to_html()`` a page with a picture.
        """
        from headwater.checks.drift_history import drift_history

        plain, _, ref = dataset.partition("@")
        return drift_history(self, plain, ref=ref or None, window=window, progress=self.progress, **options)

    def errors(self, dataset: str, *, columns: Sequence[str] = (), seed: int = 0) -> pa.Table:
        """Return every cell that is probably wrong, with the reason and what was probably meant.

        No rule is needed. What `confirm_errors` was given is learnt from.

        Parameters
        ----------
        dataset : str
            Name, or ``NAME@REF``.
        columns : sequence of str
            The columns to judge; all of text, numbers and times outside the key by default.
        seed : int
            Seed of the rows that dependencies are first tried on.

        Returns
        -------
        pyarrow.Table
            `headwater.recipes.wrong_cells.WRONG_CELLS`: row key, column, value, reason, the probability that
            it is wrong, the suggestion (empty: no value; null: none known) and the probability that it is right.
        """
        return self._wrong_cells(dataset, columns, seed).table()

    def ask_errors(
        self, dataset: str, rows: int = 20, *, columns: Sequence[str] = (), seed: int = 0
    ) -> pa.Table:
        """Return the rows that are most useful to confirm: put wrong values right, and give all to `confirm_errors`.

        Parameters
        ----------
        dataset : str
            Name, or ``NAME@REF``.
        rows : int
            How many.
        columns, seed
            As for `errors`.
        """
        return self._wrong_cells(dataset, columns, seed).ask(rows)

    def confirm_errors(self, dataset: str, rows: Any, *, message: str | None = None) -> int:
        """Keep rows that were put right as the dataset ``NAME.confirmed``, which `errors` learns from.

        Parameters
        ----------
        dataset : str
            Name.
        rows : pyarrow.Table or path
            As `ask_errors` gave them, with wrong values put right; a file is read as text.
        message : str, optional
            Commit message.

        Returns
        -------
        int
            How many rows.
        """
        from headwater.formats.read import read, read_table
        from headwater.recipes.confirmed_cells import confirm_rows

        if isinstance(rows, str | Path):
            names = read(rows).schema.names
            rows = read_table(rows, schema=dict.fromkeys(names, pa.string()))
        return confirm_rows(self, dataset, rows, message=message)

    def repair_errors(
        self, dataset: str, *, columns: Sequence[str] = (), min_confidence: float = 0.8, **running: Any
    ) -> TransformResult:
        """Give cells that are wrong the value that was meant, as one commit to review.

        Parameters
        ----------
        dataset : str
            Name.
        columns : sequence of str
            As for `errors`.
        min_confidence : float
            The least probability that the cell is wrong and the suggestion right.
        **running : Any
            ``branch``, ``seed``, ``message``, ``dry_run``.
        """
        from headwater.recipes.confirmed_cells import by_key, confirmed_rows

        given = by_key(confirmed_rows(self, self.dataset(dataset)))
        parameters = {"columns": tuple(columns), "min_confidence": min_confidence, "confirmed": given}
        return self.transform(dataset, "repair.cells", parameters, **running)

    def _wrong_cells(self, dataset: str, columns: Sequence[str], seed: int) -> WrongCells:
        from headwater.recipes.confirmed_cells import confirmed_rows
        from headwater.recipes.wrong_cells import WrongCells

        here = self.dataset(dataset)
        _, at, ref = dataset.partition("@")
        return WrongCells(
            dataset=here,
            columns=tuple(columns),
            confirmed=confirmed_rows(self.at(ref) if at else self, here),
            seed=seed,
            cache=self.cache,
            executor=self.executor,
            progress=self.progress,
        )

    def profile(self, dataset: str, *, label: str | None = None) -> Profile:
        """Describe every column of a dataset; see `headwater.profile.report`.

        Parameters
        ----------
        dataset : str
            Name, or ``NAME@REF``.
        label : str, optional
            The label, where the contract does not say it.
        """
        from headwater.profile.report import profile

        return profile(
            self.dataset(dataset),
            label=label,
            executor=self.executor,
            cache=self.cache,
            progress=self.progress,
        )

    def run(
        self, pipeline: Pipeline, parameters: Mapping[str, Any] | None = None, **options: Any
    ) -> RunResult:
        """Run a pipeline: only what is not known runs, and results become one commit.

        Parameters
        ----------
        pipeline : Pipeline
            A function with ``@hw.pipeline``.
        parameters : mapping, optional
            Values of its parameters.
        **options : Any
            ``branch``, ``until``, ``force``, ``resume``, ``workers``, ``executor``; see `headwater.pipelines.run.run`.
        """
        from headwater.pipelines.run import run

        return run(self, pipeline, parameters, **options)

    def scheduler(self, pipelines: Sequence[Pipeline], **options: Any) -> Scheduler:
        """Return what runs pipelines when their triggers say so; see `headwater.pipelines.scheduler.Scheduler`."""
        from headwater.pipelines.scheduler import Scheduler

        return Scheduler(self, pipelines, **options)

    @property
    def runs(self) -> Runs:
        """The records of runs, the newest first; see `headwater.pipelines.records`."""
        from headwater.pipelines.records import Runs

        return Runs(self.storage)

    def reproduce(self, run: str = "last", **options: Any) -> Reproduction:
        """Make a run's environment afresh, replay it on the same commits, and compare every result.

        Parameters
        ----------
        run : str
            Its id, the beginning of one, or ``last``.
        **options : Any
            ``tolerance``, ``here``, ``environments`` and more; see `headwater.pipelines.reproduce.reproduce`.
        """
        from headwater.pipelines.reproduce import reproduce

        return reproduce(self, run, **options)

    def lineage(self, dataset: str) -> Lineage:
        """Follow a dataset (``NAME`` or ``NAME@REF``) to where it comes from; see `headwater.pipelines.lineage`."""
        from headwater.pipelines.lineage import lineage

        return lineage(self, dataset)

    def train(self, dataset: str, **options: Any) -> Trained:
        """Train a recipe on a dataset (``NAME`` or ``NAME@REF``); see `headwater.models.train.train`."""
        from headwater.models.train import train

        return train(self.dataset(dataset), **options)

    @property
    def models(self) -> Models:
        """The model registry; see `headwater.models.registry.Models`."""
        from headwater.models.registry import Models

        return Models(self)

    def promote(self, model: str, stage: Stage = "production", **options: Any) -> Decision:
        """Bring a model version to a stage through its gate; see `headwater.models.promotion.promote`."""
        from headwater.models.promotion import promote

        return promote(self, model, stage, check=self.check, **options)

    def predict(self, dataset: str, model: str, *, into: str = "", **running: Any) -> TransformResult:
        """Let a model predict for all rows of a dataset: two columns, as one commit.

        Parameters
        ----------
        dataset : str
            Name.
        model : str
            The model, as in `models`: ``spam@3``, ``spam@production``.
        into : str
            The column of what is predicted, ``_MODEL`` by default; that of the probabilities has ``_probability``
            behind.
        **running : Any
            ``branch``, ``message``, ``dry_run``.
        """
        from headwater.serving.scoring import Score
        from headwater.transforms.run import run

        return run(self, dataset, Score.of(self, model, into=into), **running)

    def explain_prediction(self, id: str, *, model: str | None = None) -> PredictionExplained:
        """Say why a prediction was made, how its model was trained, and on which rows of which commit.

        Parameters
        ----------
        id : str
            The name that the answer gave it.
        model : str, optional
            The model; all logs are searched by default.
        """
        from headwater.serving.explaining import explain_prediction

        return explain_prediction(self, id, model=model)

    def backtest(self, dataset: str, **options: Any) -> Backtest:
        """Train on the past and judge on what followed; see `headwater.models.backtest.backtest`."""
        from headwater.models.backtest import backtest

        options = {"executor": self.executor, "progress": self.progress, **options}
        return backtest(self.dataset(dataset), **options)

    def impact(self, dataset: str, *, base: str, head: str, **options: Any) -> Impact:
        """Say what the change from ``base`` to ``head`` does to a model; see `headwater.models.impact.impact`."""
        from headwater.models.impact import impact

        return impact(self, dataset, base=base, head=head, **options)

    def value(self, dataset: str, *, label: str | None = None, **options: Any) -> pa.Table:
        """Return what each row that a recipe trains on is worth to it, the least valuable first.

        Parameters
        ----------
        dataset : str
            Name, or ``NAME@REF``.
        label : str, optional
            The column of classes; the contract's label by default.
        **options : Any
            ``recipe``, ``exclude``, ``k``, ``holdout``, ``judges``, ``limit`` and ``seed``; see
            `headwater.recipes.row_values.row_values`.

        Returns
        -------
        pyarrow.Table
            Key, label, ``value`` and the other columns. The mean value is the share of right votes among the rows that
            look alike to the recipe; a row of negative value has other labels around it.
        """
        from headwater.models.train import label_of
        from headwater.recipes.row_values import row_values

        here = self.dataset(dataset)
        name = label_of(here, label)
        found = row_values(
            here, name, cache=self.cache, executor=self.executor, progress=self.progress, **options
        )
        return found.table(here, name)

    def influence(self, dataset: str, *, by: str, **options: Any) -> Influence:
        """Say which groups of training rows help and which harm; see `headwater.models.influence.influence`."""
        from headwater.models.influence import influence

        return influence(
            self.dataset(dataset),
            by=by,
            cache=self.cache,
            executor=self.executor,
            progress=self.progress,
            **options,
        )

    @property
    def proposals(self) -> Proposals:
        """The proposals to bring one branch into another, by number; see `headwater.versions.proposals`.

        Their checks are those of `check`, with the target as baseline.
        """
        return Proposals(self, self._check_candidate)

    def propose(
        self, source: str, *, into: str | None = None, impact: bool | str = False, **options: Any
    ) -> Proposal:
        """Propose to bring a branch into another one, with its diff and the outcome of its checks.

        Parameters
        ----------
        source : str
            The branch.
        into : str, optional
            The branch that it shall go into; the one we are on by default.
        impact : bool or str
            Measure what the change does to a model, too; the name of the dataset where several change.
        **options : Any
            ``title``, ``description``, ``reviewers``, ``approvals``, ``only``: see
            `headwater.versions.proposals.Proposals.open`.

        Returns
        -------
        Proposal
            Review and merge it by its number: ``repo.proposals.approve(1)``, ``repo.proposals.merge(1)``.
        """
        made = self.proposals.open(source, into=into, **options)
        if not impact:
            return made
        return self.measure_impact(made.number, dataset=impact if isinstance(impact, str) else None)

    def measure_impact(self, number: int, *, dataset: str | None = None, **options: Any) -> Proposal:
        """Measure what a proposal does to a model, and note it in the record.

        Parameters
        ----------
        number : int
            Which proposal.
        dataset : str, optional
            The dataset; the only one that it changes by default.
        **options : Any
            As for `impact`.

        Raises
        ------
        UsageError
            If it changes several datasets, or has conflicts.
        """
        picture = self.proposals.refresh(number).picture
        if picture.candidate is None:
            raise UsageError(f"Proposal {number} has conflicts, so there is nothing to train on yet.")
        if dataset is None:
            there = self.commit(picture.candidate).datasets
            names = [
                name
                for name in picture.diff
                if name in there and not name.endswith((".quarantine", ".confirmed"))
            ]
            if len(names) != 1:
                raise UsageError(
                    f"Which dataset shall a model be trained on? Name it: {', '.join(names) or 'none changes'}."
                )
            dataset = names[0]
        found = self.impact(dataset, base=picture.target_commit, head=picture.candidate, **options)
        return self.proposals.add_impact(number, _plain(found.to_dict()))

    def _check_candidate(
        self, candidate: CommitId, target: CommitId, datasets: Sequence[str], only: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Check the datasets of a commit against those of the branch that it shall go into.

        A dataset that none of ``only`` fits is left out, unless that leaves none.
        """
        before = self.commit(target).datasets
        there = self.at(candidate)
        reports = []
        unfit: UsageError | None = None
        for name in datasets:
            try:
                report = there.check(name, against=target if name in before else None, only=only)
            except UsageError as error:
                if error.facts.get("kind") != "suite":
                    raise
                unfit = error
                continue
            reports.append(_kept(report))
        if unfit is not None and not reports:
            raise unfit
        return reports

    def transform(
        self, dataset: str, transform: str, parameters: Mapping[str, Any] | None = None, **options: Any
    ) -> TransformResult:
        """Run a transform as one commit; see `headwater.transforms.run.run`.

        Parameters
        ----------
        dataset : str
            Name.
        transform : str
            Id of the transform, for example ``"clean.missing"``.
        parameters : mapping, optional
            Its parameters.
        **options : Any
            ``branch``, ``seed``, ``message``, ``dry_run``, and ``accept``: the decisions of a review.
        """
        from headwater.transforms.base import make
        from headwater.transforms.run import run

        return run(self, dataset, make(transform, parameters), **options)

    def embed(
        self,
        dataset: str,
        column: str,
        *,
        encoder: str = "",
        into: str = "",
        options: Mapping[str, Any] | None = None,
        **running: Any,
    ) -> TransformResult:
        """Add a column of embeddings as one commit, or bring one up to date: only new values are encoded.

        Parameters
        ----------
        dataset, column : str
            What to encode.
        encoder : str
            ``hash``, ``words``, ``minilm``, ``image`` or ``module:function``; what fits and is installed by default.
        into : str
            The column of vectors; the name of ``column`` with ``_embedding`` by default.
        options : mapping, optional
            Parameters of the encoder, for example ``{"dimensions": 64}``.
        **running : Any
            ``branch``, ``message``, ``dry_run``.
        """
        given = {"column": column, "encoder": encoder, "into": into, "options": dict(options or {})}
        return self.transform(dataset, "embed.column", given, **running)

    def similar(self, dataset: str, *, key: Any = None, text: str | None = None, **options: Any) -> pa.Table:
        """Return the rows most similar to a row or a text by a column of embeddings, the most similar first.

        Parameters
        ----------
        dataset : str
            Name, or ``NAME@REF``.
        key : Any, optional
            The key of a row: a value, or a list of values for several key columns.
        text : str, optional
            A text, encoded as the column was.
        **options : Any
            ``value`` (bytes of an image), ``vector``, ``column``, ``k``, ``metric`` and ``exact``; see
            `headwater.recipes.similar.similar_rows`.
        """
        from headwater.recipes.similar import similar_rows

        if text is not None:
            options["value"] = text
        return similar_rows(
            self.dataset(dataset),
            key=None if key is None else json.dumps(key, default=str),
            cache=self.cache,
            executor=self.executor,
            progress=self.progress,
            **options,
        )

    def link(
        self, left: str, right: str | None = None, *, columns: Sequence[str] = (), into: str | None = None
    ) -> pa.Table:
        """Return the pairs of rows that stand for the same thing, across two datasets or inside one.

        Nothing has to be labelled or set: how much a field counts, and from where on a pair is one, is learnt from
        the rows. Across two datasets a row is in one pair at most.

        Parameters
        ----------
        left, right : str
            Names, or ``NAME@REF``; without ``right``, pairs inside ``left``.
        columns : sequence of str
            The fields to compare by, two at least; by default all plain columns but the key that are in both.
        into : str, optional
            A dataset that the pairs become, as one commit.

        Returns
        -------
        pyarrow.Table
            See `headwater.recipes.link_table.link_table`: keys, probability, the fields that agree, and how much.
        """
        from headwater.recipes.link_table import link_table

        one = self.dataset(left)
        two = None if right is None else self.dataset(right)
        found = link_table(
            one, two, columns, cache=self.cache, executor=self.executor, progress=self.progress
        )
        if into is not None:
            keys = [name for name in found.schema.names if name.startswith(("left_", "right_"))]
            with self.transaction(f"link {left} and {right}" if right else f"link {left}") as tx:
                if into in self.datasets():
                    tx.overwrite(into, found)
                else:
                    tx.append(into, found, key=keys)
        return found


def check_file(
    source: Any,
    *,
    dataset: str | None = None,
    key: str | Sequence[str] | None = None,
    label: str | None = None,
    sensitive: Sequence[str] | None = None,
    time: str | None = None,
    contract: Contract | None = None,
    only: Sequence[str] = (),
    seed: int = 0,
    **reading: Any,
) -> Report:
    """Check a file, or data in memory, without a repository.

    The data are imported into a repository in memory, so that the checks are the same as everywhere.

    Parameters
    ----------
    source : path, URL, glob, or data
        See `headwater.versions.importing.import_data`.
    dataset : str, optional
        The name in the report; the file's name by default.
    key, label, sensitive, time : optional
        What columns are for. A key that repeats is a finding here.
    contract : Contract, optional
        The promises to hold it to.
    only : sequence of str
        Ids or families of checks.
    seed : int
        Seed of the checks that train models.
    **reading : Any
        How to read the file.

    Returns
    -------
    Report
    """
    keys = (key,) if isinstance(key, str) else tuple(key or ())
    try:
        repo, name = _in_memory(source, dataset, {"key": keys or None, **reading})
    except InvalidKeys:
        # The check of the key says what is wrong with it; rows are named by their content meanwhile.
        repo, name = _in_memory(source, dataset, reading)
    promised = contract or Contract(dataset=name, key=keys)
    report = repo.check(
        name, contract=promised, only=only, seed=seed, label=label, sensitive=sensitive, time=time
    )
    return replace(report, ref=None)


def profile_file(
    source: Any, *, dataset: str | None = None, label: str | None = None, **reading: Any
) -> Profile:
    """Describe every column of a file, or of data in memory, without a repository; see `check_file`."""
    repo, name = _in_memory(source, dataset, reading)
    return repo.profile(name, label=label)


def init(location: str | Path = ".", **options: Any) -> Repo:
    """Make a repository in a directory or under a URL; see `headwater.versions.repo.Repo.init`."""
    return Repo.init(location, **options)


def open(location: str | Path = ".", *, executor: Executor | str | None = None, **options: Any) -> Repo:
    """Open a repository; see `headwater.versions.repo.Repo.open`.

    Parameters
    ----------
    location : str or Path
        Where it is.
    executor : Executor or str, optional
        What does the work on chunks: ``"local"``, ``"ray"``, ``"ray://HOST:PORT"``, or one that was made; threads of
        this process by default.
    **options : Any
        Credentials and the like, for object stores.
    """
    repo = Repo.open(location, **options)
    if executor is not None:
        repo.executor = executor_of(executor) if isinstance(executor, str) else executor
    return repo


def clone(source: str | Path, target: str | Path, **options: Any) -> Repo:
    """Make a repository with the history of another one; see `headwater.versions.remotes.clone`."""
    from headwater.versions import remotes

    return remotes.clone(Repo, source, target, **options)


def _is_folder(schema: pa.Schema) -> bool:
    """Say whether rows are files: they have a path and a content."""
    return "path" in schema.names and bool({"bytes", "text"} & set(schema.names))


def _in_memory(source: Any, dataset: str | None, reading: dict[str, Any]) -> tuple[Repo, str]:
    """Import a source into a fresh repository in memory."""
    name = (
        dataset or (Path(source).name.partition(".")[0] if isinstance(source, str | Path) else "") or "data"
    )
    name = re.sub(r"[^\w.+-]+", "_", name).strip("_.+-") or "data"
    repo = Repo.init("memory://")
    repo.import_(name, source, **reading)
    return repo, name


def _kept(report: Report) -> dict[str, Any]:
    """Return what the record of a proposal keeps of a report: outcome, counts, and what does not pass."""
    problems = [{**one.to_dict(), "rows": one.to_dict()["rows"][:_ROWS_KEPT]} for one in report.problems()]
    return {
        "dataset": report.dataset,
        "outcome": str(report.outcome),
        "counts": report.counts(),
        "scores": dict(report.scores),
        "findings": _plain(problems),
    }


def _without_baseline(gate: Gate, error: NotFound) -> dict[str, Any]:
    """Return what keeps a commit out where there is nothing left to compare it with."""
    return _unjudged(
        "",
        f"The gate compares with {gate.against!r}, which is not there any more ({error.message}) "
        f"`hw gate set {gate.branch} --against REF` names another baseline, `--against branch` the branch itself.",
    )


def _unjudged(dataset: str, why: str) -> dict[str, Any]:
    """Return the finding about a dataset that a gate could not judge."""
    return _briefly(Finding(check="gate", outcome=Outcome.ERROR, dataset=dataset, message=why))


def _briefly(finding: Finding) -> dict[str, Any]:
    full = finding.to_dict()
    return {**full, "rows": full["rows"][:_ROWS_KEPT]}


def _plain(value: Any) -> Any:
    """Return a value as JSON holds it; numbers that it has no form for become null."""
    return json.loads(json.dumps(value, default=str), parse_constant=_null)


def _null(_: str) -> None:
    """Return null for a number that JSON has no form for."""


def _parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()
