"""Model cards: what a model is for, what it learnt from, how well it does for whom, and who decided what about it.

References
----------
Mitchell et al. (2019). Model cards for model reporting. FAT*. doi:10.1145/3287560.3287596
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from headwater.models.evaluation import Score
from headwater.models.registered import Decision, ModelVersion, scores_of

__all__ = ["model_card"]

_SHORT = 12


def model_card(version: ModelVersion, decisions: Sequence[Decision] = ()) -> str:
    """Return the card of a model version as Markdown.

    Parameters
    ----------
    version : ModelVersion
        The version.
    decisions : sequence of Decision
        What was decided about the model.
    """
    facts = version.facts
    scores = scores_of(facts)
    sections = [
        f"# {version.id}",
        _details(version),
        _data(facts),
        _table("Evaluation", "metric", [s for s in scores if s.kind == "all"], lambda s: s.metric),
        _table("By slice and group", "on", [s for s in scores if s.kind in ("slice", "group")], _part),
        _table("Gaps between groups", "gap", [s for s in scores if s.kind == "gap"], _part),
        _inputs(facts.get("inputs") or ()),
        _decided([one for one in decisions if one.version == version.version]),
        _environment(facts.get("environment") or {}),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _details(version: ModelVersion) -> str:
    facts = version.facts
    classes = facts.get("classes") or ()
    what = f"one of {len(classes)} classes ({', '.join(classes[:10])}{', …' if len(classes) > 10 else ''})"
    rows = [
        ("Predicts", f"{facts['label']}: {what if classes else 'a number'}"),
        ("Stage", version.stage + (f", also called {', '.join(version.aliases)}" if version.aliases else "")),
        ("Registered", f"{version.time:%Y-%m-%d %H:%M} UTC by {version.author}"),
        ("Recipe", facts["recipe"]),
        ("Note", facts.get("note")),
    ]
    return "\n".join(f"- **{name}**: {_cell(value)}" for name, value in rows if value)


def _data(facts: Mapping[str, Any]) -> str:
    if not facts.get("commit"):
        return "## Training data\n\nTrained elsewhere; what it learnt from is not known."
    options = facts["options"]
    place = f"`{facts['dataset']}` at commit `{facts['commit'][:_SHORT]}`"
    judged = f"judged on {facts['test_rows']:,} rows of it that were held out"
    lines = [
        f"Learnt from {facts['train_rows']:,} rows of {place}, {judged}. Seed {facts['seed']}.",
        f"Features: {', '.join(f'`{name}`' for name in facts['features'])}.",
    ]
    if options.get("groups") and not options.get("use_sensitive"):
        lines.append(f"Judged by group of {', '.join(options['groups'])}, and not learnt from these columns.")
    if options.get("exclude"):
        lines.append(f"Left out on purpose: {', '.join(options['exclude'])}.")
    if options.get("weight"):
        lines.append(f"Rows are weighted by {options['weight']}.")
    return "## Training data\n\n" + "\n\n".join(lines)


def _table(title: str, first: str, scores: Sequence[Score], name: Any) -> str:
    if not scores:
        return ""
    lines = [f"| {first} | rows | value | 95 % interval |", "| --- | ---: | ---: | --- |"]
    for one in scores:
        low, high = one.interval
        interval = "" if math.isnan(low) else f"{low:.4f} to {high:.4f}"
        value = "not defined" if math.isnan(one.value) else f"{one.value:.4f}"
        lines.append(f"| {_cell(name(one))} | {one.rows:,} | {value} | {interval} |")
    return f"## {title}\n\n" + "\n".join(lines)


def _part(score: Score) -> str:
    return f"{score.metric} of {score.part}"


def _inputs(inputs: Sequence[Mapping[str, Any]]) -> str:
    if not inputs:
        return ""
    lines = ["| feature | type | missing | usual values |", "| --- | --- | ---: | --- |"]
    for one in inputs:
        usual = ""
        if one.get("least") is not None:
            usual = f"{one['least']:g} to {one['most']:g}"
        elif one.get("values"):
            usual = ", ".join(one["values"][:8]) + (", …" if len(one["values"]) > 8 else "")
        lines.append(f"| {_cell(one['name'])} | {one['type']} | {one['missing']:.1%} | {_cell(usual)} |")
    return "## Inputs\n\n" + "\n".join(lines)


def _decided(decisions: Sequence[Decision]) -> str:
    if not decisions:
        return ""
    lines = []
    for one in decisions:
        word = (
            "passed the gate" if one.passed else "against the gate" if one.moved else "kept out by the gate"
        )
        why = f": {_cell(one.reason)}" if one.reason else ""
        lines.append(f"- {one.time:%Y-%m-%d} {one.before} → {one.after}, {word}, by {one.author}{why}")
        lines += [
            f"  - {found['check']} {found['outcome']}: {_cell(found['message'])}"
            for found in one.results
            if found["outcome"] != "pass"
        ]
    return "## Decisions\n\n" + "\n".join(lines)


def _environment(found: Mapping[str, Any]) -> str:
    packages = found.get("packages") or {}
    shown = [
        f"{name} {packages[name]}"
        for name in ("headwater", "scikit-learn", "numpy", "pyarrow")
        if name in packages
    ]
    words = [f"Python {found['python']}"] if found.get("python") else []
    revision = [f"code at {found['revision'][:_SHORT]}"] if found.get("revision") else []
    return f"Made with {', '.join([*words, *shown, *revision])}." if words else ""


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")
