"""What a dataset promises, as an Open Data Contract Standard (ODCS) v3 document.

Inside Headwater a contract is the small value below; it is stored and exchanged as the ODCS document
that `Contract.to_odcs` gives, so that other tools can read it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow as pa

from headwater.core.errors import InputError

__all__ = ["ODCS_VERSION", "ColumnPromise", "Contract", "Rule", "promises"]

ODCS_VERSION = "v3.0.2"
_ENGINE = "headwater"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One check with its parameters, as a contract asks for it."""

    check: str
    column: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    severity: str = "error"
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnPromise:
    """What is promised of one column."""

    name: str
    type: str = ""
    required: bool = False
    unique: bool = False
    classification: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What a dataset promises.

    Parameters
    ----------
    dataset : str
        Name of the dataset.
    columns : tuple of ColumnPromise
        The promised columns, in order.
    key : tuple of str
        The columns that identify a row; empty for a content key.
    label : str, optional
        The column that a model learns to predict.
    sensitive : tuple of str
        Sensitive features: the columns whose values are the groups of fairness checks.
    time : str, optional
        The column that says when a row's event happened.
    rules : tuple of Rule
        The checks it asks for.
    owner, description, version : str
        As in ODCS.
    """

    dataset: str
    columns: tuple[ColumnPromise, ...] = ()
    key: tuple[str, ...] = ()
    label: str | None = None
    sensitive: tuple[str, ...] = ()
    time: str | None = None
    rules: tuple[Rule, ...] = ()
    owner: str = ""
    description: str = ""
    version: str = "1.0.0"

    def with_roles(
        self, *, label: str | None = None, sensitive: Sequence[str] | None = None, time: str | None = None
    ) -> Contract:
        """Return the contract with those roles that are given set anew."""
        return replace(
            self,
            label=label if label is not None else self.label,
            sensitive=tuple(sensitive) if sensitive is not None else self.sensitive,
            time=time if time is not None else self.time,
        )

    def to_odcs(self) -> dict[str, Any]:
        """Return the contract as an ODCS v3 document (JSON-able)."""
        custom: list[dict[str, Any]] = [
            {"property": "headwaterLabel", "value": self.label},
            {"property": "headwaterSensitive", "value": list(self.sensitive)},
            {"property": "headwaterTime", "value": self.time},
        ]
        properties = [self._property(column) for column in self.columns]
        table: dict[str, Any] = {
            "name": self.dataset,
            "logicalType": "object",
            "properties": properties,
            "quality": [_quality(rule) for rule in self.rules if rule.column is None],
        }
        document: dict[str, Any] = {
            "apiVersion": ODCS_VERSION,
            "kind": "DataContract",
            "id": f"headwater:{self.dataset}",
            "name": self.dataset,
            "version": self.version,
            "status": "active",
            "schema": [table],
            "customProperties": [item for item in custom if item["value"]],
        }
        if self.description:
            document["description"] = {"purpose": self.description}
        if self.owner:
            document["team"] = [{"username": self.owner, "role": "owner"}]
        return document

    def _property(self, column: ColumnPromise) -> dict[str, Any]:
        out: dict[str, Any] = {"name": column.name, "logicalType": _logical_type(column.type)}
        if column.type:
            out["physicalType"] = column.type
        if column.required:
            out["required"] = True
        if column.unique:
            out["unique"] = True
        if column.name in self.key:
            out["primaryKey"] = True
            out["primaryKeyPosition"] = self.key.index(column.name) + 1
        if column.classification:
            out["classification"] = column.classification
        if column.description:
            out["description"] = column.description
        quality = [_quality(rule) for rule in self.rules if rule.column == column.name]
        if quality:
            out["quality"] = quality
        return out

    @classmethod
    def from_odcs(cls, document: Mapping[str, Any]) -> Contract:
        """Read an ODCS v3 document.

        Raises
        ------
        InputError
            If the document is not a data contract, or holds no schema.
        """
        if document.get("kind") != "DataContract" or not document.get("schema"):
            raise InputError(
                "This is not an ODCS data contract: it needs 'kind: DataContract' and a 'schema' with one table. "
                "`hw contract infer` writes one."
            )
        table = document["schema"][0]
        custom = {item.get("property"): item.get("value") for item in document.get("customProperties", ())}
        properties = table.get("properties", ())
        keyed = [p for p in properties if p.get("primaryKey")]
        rules = [_rule(item, None) for item in table.get("quality", ()) if item.get("engine") == _ENGINE]
        for column in properties:
            rules += [
                _rule(q, column["name"]) for q in column.get("quality", ()) if q.get("engine") == _ENGINE
            ]
        owners = [m.get("username", "") for m in document.get("team", ()) if m.get("role") == "owner"]
        return cls(
            dataset=table["name"],
            columns=tuple(_promise(column) for column in properties),
            key=tuple(p["name"] for p in sorted(keyed, key=lambda p: p.get("primaryKeyPosition", 0))),
            label=custom.get("headwaterLabel"),
            sensitive=tuple(custom.get("headwaterSensitive") or ()),
            time=custom.get("headwaterTime"),
            rules=tuple(rules),
            owner=owners[0] if owners else "",
            description=(document.get("description") or {}).get("purpose", ""),
            version=document.get("version", "1.0.0"),
        )


def _promise(column: Mapping[str, Any]) -> ColumnPromise:
    return ColumnPromise(
        name=column["name"],
        type=column.get("physicalType", ""),
        required=bool(column.get("required")),
        unique=bool(column.get("unique")),
        classification=column.get("classification", ""),
        description=column.get("description", ""),
    )


def _quality(rule: Rule) -> dict[str, Any]:
    out: dict[str, Any] = {
        "type": "custom",
        "engine": _ENGINE,
        "implementation": {"check": rule.check, "parameters": dict(rule.parameters)},
        "severity": rule.severity,
    }
    if rule.description:
        out["description"] = rule.description
    return out


def _rule(quality: Mapping[str, Any], column: str | None) -> Rule:
    body = quality.get("implementation")
    if not isinstance(body, Mapping) or "check" not in body:
        raise InputError(
            f"A quality rule of engine 'headwater' needs an implementation with a 'check': {quality!r}"
        )
    return Rule(
        check=body["check"],
        column=column,
        parameters=dict(body.get("parameters", {})),
        severity=quality.get("severity", "error"),
        description=quality.get("description", ""),
    )


def _logical_type(name: str) -> str:
    base = name.partition("(")[0].partition("[")[0]
    if base.startswith(("int", "uint")):
        return "integer"
    if base.startswith(("float", "double", "half", "decimal")):
        return "number"
    return {
        "bool": "boolean",
        "date": "date",
        "date32": "date",
        "timestamp": "timestamp",
        "list": "array",
    }.get(base, "object" if base in ("struct", "map") else "string")


def promises(schema: pa.Schema, key: Sequence[str] = ()) -> tuple[ColumnPromise, ...]:
    """Return the plainest promises of a schema: names and types, and that keys are there."""
    return tuple(ColumnPromise(name=f.name, type=str(f.type), required=f.name in key) for f in schema)
