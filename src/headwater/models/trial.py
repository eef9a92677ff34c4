"""A model version before its gate: what it says of rows that it did not learn from, beside the one it would replace.

The gate asks six things. Does the file say again what was measured? Do the rules about metrics hold, by slice, group
and gap? Is it nowhere clearly worse than the model that it replaces, on rows that neither learnt from? Do the checks of
its training data pass? Does it use no column that it may not? Does it stand that values are missing?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import HeadwaterError, NotFound
from headwater.core.findings import Finding, Outcome, worst
from headwater.methods.pii_kinds import classify_name
from headwater.models.comparison import Change, compare, compare_gaps
from headwater.models.evaluation import Part, parts_of
from headwater.models.metric_rules import Measured, MetricRule
from headwater.models.metrics import default_metric, metric
from headwater.models.registered import ModelVersion, scores_of
from headwater.models.registry import Models
from headwater.recipes.base import F64, Labels, encode_labels

if TYPE_CHECKING:
    from headwater.checks.report import Report
    from headwater.reading.dataset import Dataset
    from headwater.versions.repo import Repo

__all__ = ["Checker", "PromotionGate", "judge"]

Checker = Callable[[str], "Report"]

_LEAST = 30
_SAME = 1e-6
_CLOSED = ("confidential", "restricted", "secret", "personal", "pii", "sensitive")
_LACKING = 0.1
_FALL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class PromotionGate:
    """What a version must pass to come to a stage.

    Parameters
    ----------
    rules : tuple of str
        Rules about its evaluation, as `headwater.models.metric_rules.MetricRule` reads them. ``change(…)`` is about
        the difference from the version that it is compared with.
    checks : tuple of str
        Ids or families of checks that its training data must not fail; empty for all that fit.
    against : str
        The version that it is compared with: a stage or an alias; empty for none.
    may_use : tuple of str
        Columns with personal or classified data that it may learn from.
    """

    rules: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    against: str = "production"
    may_use: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse rules that cannot be read."""
        for rule in self.rules:
            MetricRule.parse(rule)

    def to_dict(self) -> dict[str, Any]:
        """Return the gate as JSON-able values."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> PromotionGate:
        """Read what `to_dict` returned."""
        given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in value.items()}
        return cls(**given)


def judge(
    repo: Repo, version: ModelVersion, gate: PromotionGate, *, check: Checker, seed: int = 0
) -> list[Finding]:
    """Ask the gate about a version; return a finding for each thing that it asks.

    Parameters
    ----------
    repo, gate, check, seed
        As in `promote`.
    version : ModelVersion
        The version.
    """
    trial = _Trial(repo, version, gate, check, seed)
    out: list[Finding] = []
    for part in (_file, _rules, _against, _data, _columns, _robustness):
        try:
            out += part(trial)
        except HeadwaterError as error:
            out.append(
                trial.finding(f"model.{part.__name__[1:]}", Outcome.ERROR, error.message, severity=1.0)
            )
    return out


class _Trial:
    """A version before its gate, with the rows that it did not learn from."""

    def __init__(
        self, repo: Repo, version: ModelVersion, gate: PromotionGate, check: Checker, seed: int
    ) -> None:
        self.repo, self.version, self.gate, self.check, self.seed = repo, version, gate, check, seed
        self.models = Models(repo)
        self.model, self.signature = self.models.load(version.id)

    @cached_property
    def dataset(self) -> Dataset | None:
        facts = self.version.facts
        if not facts.get("commit"):
            return None
        return self.repo.at(facts["commit"])[facts["dataset"]]

    @cached_property
    def held(self) -> pa.Table:
        """The held-out rows."""
        assert self.dataset is not None
        keys = self.models.rows(self.version.id, held_out=True)
        return self.dataset.take(_names(self.dataset, keys))

    @cached_property
    def said(self) -> F64:
        return self.model.predict(self.held.select(self.signature.inputs.names))

    @cached_property
    def truth(self) -> Labels:
        return encode_labels(
            self.held.column(self.signature.label),
            self.signature.classes or None,
            "classification" if self.signature.classes else "regression",
        )

    @cached_property
    def parts(self) -> list[Part]:
        assert self.dataset is not None
        options = self.version.facts["options"]
        groups = [name for name in options["groups"] if name in self.held.column_names]
        return parts_of(self.dataset, self.held, groups=groups, slices=options["slices"])

    @cached_property
    def incumbent(self) -> ModelVersion | None:
        if not self.gate.against:
            return None
        try:
            found = self.models[f"{self.version.name}@{self.gate.against}"]
        except NotFound:
            return None
        return None if found.version == self.version.version else found

    @cached_property
    def changes(self) -> tuple[list[Change], str]:
        """The differences from the incumbent on rows that neither learnt from, and why there are none."""
        found = self.incumbent
        if found is None or self.dataset is None:
            return [], "there is no version to compare with"
        mine, yours = self.signature.classes, found.facts["classes"]
        if bool(mine) != bool(yours) or (mine and not set(yours) <= set(mine)):
            return [], f"{found.id} predicts other classes"
        fresh = np.ones(self.held.num_rows, np.bool_)
        if found.facts.get("commit"):
            keys = pa.array(_names(self.dataset, self.models.rows(self.version.id, held_out=True)))
            theirs = self.models.rows(found.id)
            if theirs.column_names != list(self.dataset.key or ("key",)):
                return [], f"{found.id} was trained on rows of another key"
            learnt = pa.array(_names(self.dataset, theirs))
            fresh = ~np.asarray(pc.is_in(keys, value_set=learnt))
        if fresh.sum() < _LEAST:
            return [], f"{found.id} learnt from all but {int(fresh.sum())} of the held-out rows"
        other, signature = self.models.load(found.id)
        lacking = [name for name in signature.inputs.names if name not in self.held.column_names]
        if lacking:
            return [], f"{found.id} reads columns that are not there: {', '.join(lacking)}"
        theirs_said = other.predict(self.held.select(signature.inputs.names))
        if mine:
            spread = np.zeros_like(self.said)
            spread[:, [mine.index(name) for name in yours]] = theirs_said
            theirs_said = spread
        truth = Labels(values=self.truth.values[fresh], classes=mine)
        parts = [replace(part, rows=part.rows[fresh]) for part in self.parts]
        sides = theirs_said[None, fresh], self.said[None, fresh]
        chosen = metric(default_metric(truth), truth)
        rng = np.random.default_rng(self.seed)
        changes = compare(truth, *sides, parts, chosen, rng)
        return changes + compare_gaps(truth, *sides, parts, rng), ""

    def finding(self, check: str, outcome: Outcome, message: str, **facts: Any) -> Finding:
        return Finding(check=check, outcome=outcome, message=message, dataset=self.version.id, **facts)


def _file(trial: _Trial) -> Iterator[Finding]:
    if trial.dataset is None:
        yield trial.finding(
            "model.file",
            Outcome.WARN,
            f"{trial.version.id} was trained elsewhere: its figures cannot be measured again.",
        )
        return
    whole = [part for part in trial.parts if part.kind == "all"]
    known = {one.metric: one for one in scores_of(trial.version.facts) if one.kind == "all"}
    ones = np.ones((1, len(trial.truth.values)))
    fits = trial.truth.values >= 0 if trial.truth.classes else np.ones(len(whole[0].rows), np.bool_)
    labels = Labels(values=trial.truth.values[fits], classes=trial.truth.classes)
    for name, score in known.items():
        value = float(metric(name, labels).compute(labels, trial.said[fits], ones[:, fits])[0])
        if abs(value - score.value) > _SAME:
            yield trial.finding(
                "model.file",
                Outcome.FAIL,
                f"{name} of the held-out rows is {value:.4f} now, and was {score.value:.4f} when it was "
                "registered: the file is another model, or packages differ.",
                severity=1.0,
                value=value,
                threshold=score.value,
            )
            return
    yield trial.finding(
        "model.file",
        Outcome.PASS,
        f"The file says again what was measured, on {len(labels.values):,} held-out rows.",
    )


def _rules(trial: _Trial) -> Iterator[Finding]:
    values = [
        Measured(metric=s.metric, part=s.part, kind=s.kind, value=s.value, interval=s.interval)
        for s in scores_of(trial.version.facts)
    ]
    for text in trial.gate.rules:
        rule = MetricRule.parse(text)
        figures = values
        if rule.is_change:
            changes, why = trial.changes
            if not changes:
                yield trial.finding("model.rule", Outcome.WARN, f"{rule} is not judged: {why}.")
                continue
            figures = [
                Measured(metric=c.metric, part=c.part, kind=c.kind, value=c.difference, interval=c.interval)
                for c in changes
            ]
        judged = rule.judge(figures)
        yield trial.finding(
            "model.rule",
            Outcome.PASS if judged.passed else Outcome.FAIL,
            f"{rule} {'holds' if judged.passed else 'does not hold'}: it is {judged.value:.4f}.",
            severity=0.9,
            slice=rule.part or None,
            value=judged.value,
            threshold=rule.bound,
        )


def _against(trial: _Trial) -> Iterator[Finding]:
    if not trial.gate.against:
        return
    changes, why = trial.changes
    if not changes:
        outcome = Outcome.PASS if trial.incumbent is None else Outcome.WARN
        yield trial.finding("model.against", outcome, f"Not compared with {trial.gate.against}: {why}.")
        return
    assert trial.incumbent is not None
    deciding = default_metric(trial.truth)
    asked = [one for one in changes if one.metric == deciding or one.kind == "gap"]
    bad = [one for one in asked if one.verdict == "worse"]
    for one in bad:
        yield trial.finding(
            "model.against",
            Outcome.FAIL,
            f"{one.metric} of {one.part} is clearly worse than that of {trial.incumbent.id}: {one.base:.4f} → "
            f"{one.head:.4f} on {one.rows:,} rows that neither learnt from.",
            severity=0.9,
            slice=None if one.kind == "all" else one.part,
            value=one.difference,
            interval=one.interval,
        )
    if not bad:
        whole = next(one for one in asked if one.kind == "all")
        yield trial.finding(
            "model.against",
            Outcome.PASS,
            f"Nowhere clearly worse than {trial.incumbent.id} on {whole.rows:,} rows that neither learnt from: "
            f"{whole.metric} {whole.base:.4f} → {whole.head:.4f}.",
            value=whole.difference,
            interval=whole.interval,
        )


def _data(trial: _Trial) -> Iterator[Finding]:
    if trial.dataset is None:
        return
    facts = trial.version.facts
    report = trial.check(f"{facts['dataset']}@{facts['commit']}")
    wanted = trial.gate.checks
    findings = [
        one
        for one in report.findings
        if not wanted or one.check in wanted or one.check.partition(".")[0] in wanted
    ]
    outcome = worst(findings)
    bad = [one for one in findings if one.outcome is outcome and one.allowed is None]
    place = f"{facts['dataset']} at {facts['commit'][:12]}"
    if outcome in (Outcome.FAIL, Outcome.ERROR):
        first = bad[0]
        column = f" of {first.column}" if first.column else ""
        yield trial.finding(
            "model.data",
            outcome,
            f"Checks of {place} {'fail' if outcome is Outcome.FAIL else 'broke'} ({len(bad)}), first "
            f"{first.check}{column}: {first.message}",
            severity=0.9,
            evidence={"checks": sorted({one.check for one in bad})},
        )
    else:
        yield trial.finding("model.data", Outcome.PASS, f"No check of {place} fails.")


def _columns(trial: _Trial) -> Iterator[Finding]:
    contract = trial.version.contract
    promised = {one.name: one.classification for one in contract.columns} if contract else {}
    closed = {name: word for name, word in promised.items() if word.casefold() in _CLOSED}
    personal = {name: kind for name in trial.signature.inputs.names if (kind := classify_name(name))}
    bad = [
        name
        for name in trial.signature.inputs.names
        if name not in trial.gate.may_use and (name in closed or name in personal)
    ]
    for name in bad:
        is_closed = name in closed
        why = (
            f"is classified {closed[name]}"
            if is_closed
            else f"holds personal data by its name ({personal[name]})"
        )
        yield trial.finding(
            "model.columns",
            Outcome.FAIL if is_closed else Outcome.WARN,
            f"It learns from {name}, which {why}. Train with --exclude {name}, or let the gate allow it (--may-use).",
            severity=0.8,
            column=name,
        )
    if not bad:
        yield trial.finding("model.columns", Outcome.PASS, "It learns from no personal or classified column.")


def _robustness(trial: _Trial) -> Iterator[Finding]:
    """Leave out a tenth of the values of the held-out rows, and see how far the deciding metric falls."""
    if trial.dataset is None:
        return
    rng = np.random.default_rng([trial.seed, 7])
    rows = trial.held.select(trial.signature.inputs.names)
    columns = [
        pc.if_else(pa.array(rng.random(rows.num_rows) < _LACKING), pa.scalar(None, column.type), column)
        if not pa.types.is_nested(column.type)
        else column
        for column in rows.columns
    ]
    said = trial.model.predict(pa.table(columns, names=rows.column_names))
    known = trial.truth.values >= 0 if trial.truth.classes else np.ones(rows.num_rows, np.bool_)
    truth = Labels(values=trial.truth.values[known], classes=trial.truth.classes)
    chosen = metric(default_metric(truth), truth)
    ones = np.ones((1, int(known.sum())))
    before, after = (float(chosen.compute(truth, one[known], ones)[0]) for one in (trial.said, said))
    fall = (before - after if chosen.higher_is_better else after - before) / max(abs(before), 1e-9)
    yield trial.finding(
        "model.robustness",
        Outcome.WARN if fall > _FALL else Outcome.PASS,
        f"With a tenth of all values missing, {chosen.name} goes from {before:.4f} to {after:.4f}.",
        value=after - before,
        threshold=_FALL,
    )


def _names(dataset: Dataset, keys: pa.Table) -> list[str]:
    return dataset.keys_of(keys) if dataset.key else keys.column("key").to_pylist()
