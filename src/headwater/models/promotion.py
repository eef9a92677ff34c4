"""Promotion: a version comes to a stage when the gate of that stage lets it through, and goes back in one step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from headwater.core.errors import GateClosed, UsageError, require_choice
from headwater.core.findings import Finding, Outcome, worst
from headwater.models.registered import STAGES, Decision, ModelVersion, Stage
from headwater.models.registry import Models
from headwater.models.trial import Checker, PromotionGate, judge

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["promote", "rollback"]


def promote(
    repo: Repo,
    name: str,
    stage: Stage = "production",
    *,
    check: Checker,
    gate: PromotionGate | None = None,
    reason: str = "",
    force: bool = False,
    seed: int = 0,
) -> Decision:
    """Bring a model version to a stage, if the gate of that stage lets it through; the decision is recorded.

    Parameters
    ----------
    repo : Repo
        The repository.
    name : str
        The version, as ``spam@3``; of a bare name the newest.
    stage : {"candidate", "staging", "production", "archived"}
        Where to. Of staging and production the gate is asked.
    check : callable
        Checks a dataset, given as ``NAME@REF``.
    gate : PromotionGate, optional
        What must hold; that of the model and stage by default.
    reason : str
        What is to be said about it.
    force : bool
        Move it though the gate is closed; this needs a reason, and is recorded.
    seed : int
        Of intervals and of what is left out to see how the model stands that.

    Returns
    -------
    Decision

    Raises
    ------
    GateClosed
        If the gate did not let it through; ``decision`` has what was found.
    UsageError
        If the stage is none, the version is there already, or ``force`` has no reason.
    """
    require_choice("stage", stage, STAGES)
    models = Models(repo)
    version = models[name] if "@" in name else _newest(models, name)
    if version.stage == stage:
        raise UsageError(f"Model {version.id} is in stage {stage!r} already.")
    if force and not reason.strip():
        raise UsageError("To overrule the gate, say why: --reason TEXT.")
    findings: list[Finding] = []
    if stage in ("staging", "production"):
        found = gate or PromotionGate.from_dict(models.gate(version.name, stage) or {})
        findings = judge(repo, version, found, check=check, seed=seed)
    passed = worst(findings) in (Outcome.PASS, Outcome.WARN)
    decision = models.decide(
        version,
        stage,
        passed=passed,
        moved=passed or force,
        reason=reason,
        results=[finding.to_dict() for finding in findings],
    )
    if not decision.moved:
        bad = [one.message for one in findings if one.outcome in (Outcome.FAIL, Outcome.ERROR)]
        raise GateClosed(
            f"Model {version.id} stays {version.stage}: {' '.join(bad)} Mend this and train again, or overrule the "
            "gate with --force --reason TEXT.",
            decision=decision,
        )
    return decision


def rollback(repo: Repo, name: str, *, reason: str = "") -> Decision:
    """Bring the version back to production that was there before the one that is; no gate is asked.

    Raises
    ------
    UsageError
        If there was none before.
    """
    models = Models(repo)
    model = name.partition("@")[0]
    now = models[model]
    if now.stage != "production":
        raise UsageError(f"No version of model {model!r} is in production.")
    kept = {one.version: one for one in models.versions(model)}
    line: list[int] = []
    for one in models.decisions(model):
        if one.moved and one.after == "production" and one.version in kept:
            # A version that comes again is gone back to: what came after it is left.
            line = [*line[: line.index(one.version) if one.version in line else len(line)], one.version]
    if len(line) < 2:
        raise UsageError(f"No other version of model {model!r} was in production before {now.id}.")
    return models.decide(
        kept[line[-2]],
        "production",
        passed=True,
        moved=True,
        reason=reason or f"rollback from {now.id}",
        results=[],
    )


def _newest(models: Models, name: str) -> ModelVersion:
    found: Sequence[ModelVersion] = models.versions(name)
    return found[-1] if found else models[name]
