"""``anonymize.mask``: hide personal values."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import SchemaError, UsageError, require_choice
from headwater.methods.masking import MASKED, mask_part, mask_spans, pseudonymise, redact
from headwater.methods.pii import detect, find_spans
from headwater.methods.pii_kinds import KINDS
from headwater.reading.chunks import DatasetChunk
from headwater.transforms.base import TRANSFORMS, Edit, Source, Transform, require_targets

__all__ = ["Mask", "Method"]

Method = Literal["auto", "spans", "redact", "null", "partial", "pseudonymise"]

_FORMS = {kind.id for kind in KINDS}
_GUARANTEES = {
    "spans": "parts with the form of personal data are replaced by their kind; names in the text stay",
    "redact": "every value is replaced by the same text",
    "null": "every value is gone",
    "partial": "all but the kept characters are hidden; rare ends may still point at a person",
    "pseudonymise": "keyed pseudonyms (HMAC-SHA-256): who holds the secret can link them to people",
}
_ANY_FORM = "|".join(f"(?:{kind.prefilter})" for kind in KINDS)
_LOOKED_AT = 10_000
_HISTORY = "Earlier commits still hold the values."


@TRANSFORMS.register("anonymize.mask")
@dataclass(frozen=True, kw_only=True)
class Mask(Transform):
    """Hide personal values: redact them, keep a part, or replace them by keyed pseudonyms.

    Masking alone does not make rows anonymous: other columns together may still single out a person. And
    earlier commits still hold the values.

    Parameters
    ----------
    columns : tuple of str
        Which columns; by default those in which personal data is found, by the form of values or by name.
    method : str
        ``spans`` replaces the parts of a text that have the form of personal data (``<email>``); ``redact``
        puts ``[redacted]`` in the place of every value (nothing, where the column is not text); ``null``
        removes every value; ``partial`` hides all but the ends; ``pseudonymise`` gives equal values equal
        pseudonyms, which only the secret links to them. ``auto`` takes ``spans`` for texts that hold
        personal data among other words, and ``redact`` for the rest.
    secret : str
        Where the secret for pseudonyms is: ``env:NAME`` for a variable of the environment, or ``file:PATH``;
        at least 16 bytes. The secret itself is kept nowhere.
    keep_start, keep_end : int
        How many characters ``partial`` keeps.
    domain : str
        Columns with the same domain get the same pseudonyms for the same values, so that they can be joined;
        by default each column is its own.
    length : int
        Hexadecimal digits of a pseudonym, from 8 to 64.
    """

    id = "anonymize.mask"
    title = "Mask personal data"

    columns: tuple[str, ...] = ()
    method: Method = "auto"
    secret: str = ""
    keep_start: int = 0
    keep_end: int = 4
    domain: str = ""
    length: int = 16

    def __post_init__(self) -> None:
        require_choice("method", self.method, get_args(Method))
        if (self.method == "pseudonymise") != bool(self.secret):
            raise UsageError(
                "Method 'pseudonymise' needs a secret, and only that one does: secret='env:NAME' or 'file:PATH'."
            )
        if self.secret and not self.secret.startswith(("env:", "file:")):
            raise UsageError(
                "The secret is named, not given: secret='env:NAME' or 'file:PATH'. A secret in a parameter would "
                "be kept in the commit."
            )

    def targets(self, source: Source) -> tuple[str, ...]:
        """Return the columns."""
        return self.columns or tuple(name for name in source.schema.names if name not in source.key)

    def validate(self, source: Source) -> None:
        """Raise if a column is not there, part of the key or of a kind without a text form."""
        require_targets(self, source, self.columns)
        for name in self.columns:
            kind = source.schema.field(name).type
            if pa.types.is_nested(kind) and self.method != "null":
                raise SchemaError(
                    f"Column {name!r} is {kind}, which has no text form: use method 'null'.", column=name
                )
            if self.method == "spans" and not pa.types.is_string(kind):
                raise SchemaError(f"Column {name!r} is {kind}; method 'spans' is for text.", column=name)
        self._secret()

    def plan(self, source: Source) -> Iterator[Edit]:
        """Yield what was chosen, then the edit of each chunk."""
        methods = self._methods(source)
        used = sorted(set(methods.values()))
        guarantee = "; ".join(f"{method}: {_GUARANTEES[method]}" for method in used)
        yield Edit(
            facts={"columns": methods, "guarantee": f"{guarantee}. {_HISTORY}"}
            if methods
            else {"columns": {}},
            tags={name: {MASKED: method} for name, method in methods.items()},
        )
        if not methods:
            return
        secret = self._secret()

        def edit(numbered: tuple[int, DatasetChunk]) -> Edit:
            start, chunk = numbered
            rows = chunk.read(list(methods))
            after = {name: self._masked(rows.column(name), name, methods[name], secret) for name in methods}
            return Edit.between(rows, pa.table(after)).shifted(start)

        yield from source.executor.map(edit, source.chunks(), label=self.id, progress=source.progress)

    def _methods(self, source: Source) -> dict[str, str]:
        """Return the columns to mask, and how."""
        names = self.columns or tuple(
            name
            for name in self.targets(source)
            if not pa.types.is_nested(source.schema.field(name).type)
            and MASKED not in source.dataset.manifest.tags.get(name, {})
        )
        found = {name: self._method(source, name) for name in names}
        return {name: method for name, method in found.items() if method}

    def _method(self, source: Source, name: str) -> str | None:
        """Return how to mask a column; None if it holds nothing that is personal."""
        if self.columns and self.method != "auto":
            return self.method
        values = source.dataset.to_arrow([name]).column(0)
        finds = [
            find
            for find in detect(values, name=name)
            if find.basis == "values" or (find.kind not in _FORMS and not pa.types.is_boolean(values.type))
        ]
        if not finds and not self.columns:
            return None
        if self.method != "auto":
            return self.method
        return "spans" if pa.types.is_string(values.type) and _among_words(values) else "redact"

    def _masked(self, values: pa.ChunkedArray, name: str, method: str, secret: bytes) -> pa.Array:
        text = pa.types.is_string(values.type)
        if method == "spans":
            return mask_spans(values, find_spans(values))
        if method == "null" or (method == "redact" and not text):
            return pa.nulls(len(values), values.type)
        if method == "redact":
            return redact(values)
        if method == "partial":
            return mask_part(values, keep_start=self.keep_start, keep_end=self.keep_end)
        return pseudonymise(values, key=secret, domain=self.domain or name, length=self.length)

    def _secret(self) -> bytes:
        kind, _, place = self.secret.partition(":")
        if kind == "env":
            value = os.environ.get(place, "")
            if not value:
                raise UsageError(
                    f"The variable {place!r} of the environment is not set; it should hold the secret."
                )
            return _long_enough(value.encode(), f"The variable {place!r}")
        if kind == "file":
            try:
                return _long_enough(Path(place).read_bytes().strip(), f"The file {place}")
            except OSError as error:
                raise UsageError(f"The secret cannot be read from {place}: {error.strerror}.") from error
        return b""


def _long_enough(secret: bytes, where: str) -> bytes:
    if len(secret) < 16:
        raise UsageError(
            f"{where} holds a secret of {len(secret)} bytes; use at least 16 random ones, "
            "for example from: openssl rand -hex 32"
        )
    return secret


def _among_words(values: pa.ChunkedArray) -> bool:
    """Say whether finds are parts of longer texts rather than whole values, by the first distinct ones."""
    distinct = pc.unique(values.drop_null())
    some = pc.match_substring_regex(distinct, _ANY_FORM)
    distinct = distinct.filter(some)[:_LOOKED_AT]
    spans = find_spans(distinct)
    if not spans.num_rows:
        return False
    whole = pc.utf8_length(pc.utf8_trim_whitespace(distinct.take(spans["row"])))
    covered = pc.subtract(spans["end"], spans["start"])
    return bool(pc.mean(pc.less(covered, whole).cast(pa.float64())).as_py() > 0.5)
