"""A model card says what a reader must know before a model is used."""

from __future__ import annotations

import pytest

from headwater.models.card import model_card
from headwater.models.trial import PromotionGate
from tests.models.registered import repo_with_model

pytest.importorskip("sklearn")
pytest.importorskip("skops")


def test_a_card_names_data_figures_groups_inputs_and_decisions() -> None:
    repo, version = repo_with_model()
    repo.promote("loans", gate=PromotionGate(rules=("accuracy >= 0.999",)), force=True, reason="a | trial")
    card = model_card(repo.models["loans"], repo.models.decisions("loans"))
    assert card.startswith("# loans@1\n")
    for words in (
        "approve: one of 2 classes (no, yes)",
        f"317 rows of `loans` at commit `{version.facts['commit'][:12]}`",
        "## Evaluation",
        "roc_auc of region = north",
        "selection_rate_gap of region",
        "| debt | double | 5.0% |",
        "candidate → production, against the gate",
        "a \\| trial",
        "model.rule fail",
        "Made with Python",
    ):
        assert words in card


def test_a_model_from_elsewhere_has_a_card_too() -> None:
    repo, version = repo_with_model()
    far = repo.models.register_file("far", repo.models.file(version.id), note="from a | friend")
    card = model_card(far)
    assert "Trained elsewhere" in card
    assert "from a \\| friend" in card
