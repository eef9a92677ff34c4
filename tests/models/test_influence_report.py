"""The report of what groups bring: in words, and as plain values."""

from __future__ import annotations

from headwater.models.comparison import Change, Verdict
from headwater.models.influence_report import GroupInfluence, Influence


def group(name: str | None, difference: float, verdict: Verdict) -> GroupInfluence:
    change = Change(
        part="all",
        kind="all",
        rows=100,
        metric="accuracy",
        base=0.8,
        head=0.8 + difference,
        difference=difference,
        interval=(difference - 0.01, difference + 0.01),
        verdict=verdict,
        detectable=0.02,
    )
    return GroupInfluence(group=name, rows=10, overall=change, elsewhere=None)


def report(*groups: GroupInfluence) -> Influence:
    return Influence(
        dataset="d",
        by="source",
        label="y",
        recipe="tabular@2",
        metric="accuracy",
        groups=groups,
        seeds=3,
        train_rows=30,
        test_rows=100,
    )


def test_what_harms_and_what_helps_is_named() -> None:
    said = report(
        group("bad", -0.1, "worse"), group(None, 0.0, "no clear difference"), group("good", 0.1, "better")
    )
    assert [one.effect for one in said.groups] == ["harms", "no clear difference", "helps"]
    assert "1 harms (bad), 1 helps (good)" in said.summary()
    assert said.to_dict()["groups"][1]["group"] is None


def test_many_names_are_cut_short_and_none_is_said_to_be_none() -> None:
    many = [group(f"g{n}", -0.1, "worse") for n in range(8)]
    assert "8 harm (g0, g1, g2, g3, g4 and 3 more)" in report(*many).summary()
    assert "none makes a clear difference" in report(group("a", 0.0, "no clear difference")).summary()
