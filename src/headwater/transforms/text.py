"""``clean.text``: texts without wrong encodings, markup, invisible characters and stray blanks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from headwater.core.errors import SchemaError
from headwater.methods.text_mending import Case, Encoding, Mending, UnicodeForm, mend_texts
from headwater.transforms.base import TRANSFORMS, Edit, RowTransform, Source, require_targets

__all__ = ["CleanText"]

Spaces = Literal["", "trim", "collapse", "one_line"]


@TRANSFORMS.register("clean.text")
@dataclass(frozen=True, kw_only=True)
class CleanText(RowTransform[tuple[str, ...]]):
    """Mend texts: undo wrong encodings, use one Unicode form, take out markup, control characters and blanks.

    Parameters
    ----------
    columns : tuple of str
        Which columns; by default all text columns other than the key.
    html : bool
        Take tags out and resolve entities: ``&eacute;`` is ``é``.
    encoding : {"double", "ftfy", ""}
        Undo UTF-8 that was read as Windows-1252 or Latin-1: ``cafÃ©`` is ``café``. ``ftfy`` does so with the library
        of that name (``pip install "headwater[clean]"``), which knows many more encodings. Empty: leave it.
    unicode : {"NFC", "NFKC", "NFD", "NFKD", ""}
        The normalisation form of Unicode. Empty: leave it.
    control : bool
        Take control characters and invisible marks out, other than line breaks and tabs.
    quotes : bool
        Write curly quotes, dashes and ellipses in ASCII.
    spaces : {"trim", "collapse", "one_line", ""}
        Take white space off the ends; also make each run of blanks one blank; or each run of any white space.
    case : {"", "lower", "upper", "title", "sentence"}
        Change upper and lower case.

    Notes
    -----
    All of this is done until nothing changes, so that running it again changes nothing.
    """

    id = "clean.text"
    title = "Clean texts"

    columns: tuple[str, ...] = ()
    html: bool = False
    encoding: Encoding = "double"
    unicode: UnicodeForm = "NFC"
    control: bool = True
    quotes: bool = False
    spaces: Spaces = "trim"
    case: Case = ""

    def __post_init__(self) -> None:
        self._mending  # noqa: B018  # says what is wrong with the parameters

    def validate(self, source: Source) -> None:
        """Raise if a column is not there, part of the key, or no text."""
        require_targets(self, source, self.columns)
        for name in self.columns:
            kind = source.schema.field(name).type
            if not pa.types.is_string(kind):
                raise SchemaError(f"Column {name!r} is {kind}; clean.text is for text.", column=name)

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the columns."""
        text = (item.name for item in source.schema if pa.types.is_string(item.type))
        return self.columns or tuple(name for name in text if name not in source.key)

    def fit(self, source: Source) -> tuple[str, ...]:
        """Return the columns."""
        return self.targets(source)

    def apply(self, rows: pa.Table, fitted: tuple[str, ...], rng: np.random.Generator) -> Edit:
        """Mend each different text once."""
        after = {}
        for name in fitted:
            encoded = rows.column(name).combine_chunks().dictionary_encode()
            after[name] = mend_texts(encoded.dictionary, self._mending).take(encoded.indices)
        return Edit.between(rows, pa.table(after))

    @property
    def _mending(self) -> Mending:
        return Mending(
            html=self.html,
            encoding=self.encoding,
            unicode=self.unicode,
            control=self.control,
            quotes=self.quotes,
            spaces=self.spaces,
            case=self.case,
        )
