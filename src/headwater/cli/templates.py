"""What a project begins with: a file with the ready pipeline, to adapt in a few lines."""

from __future__ import annotations

__all__ = ["TEMPLATES", "template_text"]

TEMPLATES = {
    "tabular": ("rows", "data.csv", "gradient-boosted trees over columns of any type; see `hw train --help`"),
    "text": ("texts", "texts.csv", "words and pieces of words, weighted by rarity, and a linear model"),
}
"""Of each template the dataset, the file that is imported, and what the recipe is."""

_TEXT = '''"""From data to a model in production. `hw run` runs it, `hw scheduler` starts it when files arrive."""

import headwater as hw

line = hw.line(
    {dataset!r},
    # What is imported: a file, a folder or a URL; its key, and the column to predict.
    source={source!r},
    key={key!r},
    label={label!r},
    # Checks that the data must not fail, as "schema" or "validity.range"; all that fit if there are none.
    checks=[],
    # What a model must fulfil beside not being worse than the one in production, as "accuracy >= 0.8",
    # "recall[age < 30] >= 0.7" or "lower(change(roc_auc)) >= -0.01".
    rules=[],
    # How a model is trained: {about}.
    training={{"recipe": {recipe!r}}},
)
'''


def template_text(
    template: str, *, source: str | None = None, key: str | None = None, label: str | None = None
) -> str:
    """Return the file of a template.

    Parameters
    ----------
    template : str
        One of `TEMPLATES`.
    source, key, label : str, optional
        What is imported, its key, and the column to predict, where they are known.
    """
    dataset, usual, about = TEMPLATES[template]
    return _TEXT.format(
        dataset=dataset,
        source=source or usual,
        key=key or "id",
        label=label or "label",
        recipe=template,
        about=about,
    )
