"""The model registry: named models with versions, stages and aliases, as datasets on a branch of their own.

The branch ``models`` shares no history with the data. Its dataset ``models`` has a row for each version with the
model's file, ``aliases`` the names that point to versions, ``decisions`` who promoted what and why, ``gates`` what
must hold for that. So each change of the registry is a commit with its author, two people may register at a time,
and models travel by push and pull as data do. A tag ``models/NAME/VERSION`` keeps the commit that a version was
trained on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import ConcurrentUpdate, InvalidKeys, MergeConflict, NotFound, UsageError
from headwater.core.ids import digest
from headwater.models.registered import STAGES, Decision, ModelVersion, Stage, describe_inputs
from headwater.pipelines.environment import environment
from headwater.recipes.base import Fitted
from headwater.recipes.model_file import Signature, model_bytes, read_model, read_model_facts
from headwater.recipes.onnx_model import OnnxModel
from headwater.store.commit import Provenance

if TYPE_CHECKING:
    from headwater.models.train import Trained
    from headwater.versions.repo import Repo

__all__ = ["MODELS_BRANCH", "Models"]

MODELS_BRANCH = "models"
"""The branch that the registry is on."""

_NAME = re.compile(r"[A-Za-z0-9_][\w.-]{0,99}")
_TRIES = 20
_NOW = pa.timestamp("us", "UTC")
_VERSIONS = pa.schema(
    [
        ("name", pa.string()),
        ("version", pa.int64()),
        ("time", _NOW),
        ("author", pa.string()),
        ("facts", pa.string()),
        ("trust", pa.list_(pa.string())),
        ("file_hash", pa.string()),
        ("file", pa.binary()),
        ("rows", pa.binary()),
    ]
)
_ALIASES = pa.schema([("name", pa.string()), ("alias", pa.string()), ("version", pa.int64())])
_DECISIONS = pa.schema(
    [
        ("name", pa.string()),
        ("number", pa.int64()),
        ("version", pa.int64()),
        ("before", pa.string()),
        ("after", pa.string()),
        ("passed", pa.bool_()),
        ("moved", pa.bool_()),
        ("reason", pa.string()),
        ("results", pa.string()),
        ("time", _NOW),
        ("author", pa.string()),
    ]
)
_GATES = pa.schema([("name", pa.string()), ("stage", pa.string()), ("settings", pa.string())])
_HELD = "_is_held_out"
_LIGHT = [name for name in _VERSIONS.names if name not in ("file", "rows")]


class Models(Mapping[str, ModelVersion]):
    """The models of a repository.

    ``models["spam@3"]`` is a version; ``models["spam@production"]`` the one in that stage, ``models["spam@best"]`` the
    one that an alias points to, ``models["spam"]`` the one in production, or else the newest.

    Parameters
    ----------
    repo : Repo
        The repository.
    """

    def __init__(self, repo: Repo) -> None:
        self._repo = repo

    def __getitem__(self, name: str) -> ModelVersion:
        model, _, which = name.partition("@")
        versions = self.versions(model)
        if not versions:
            raise NotFound.among("model", model, self.names())
        if not which:
            return next((one for one in versions if one.stage == "production"), versions[-1])
        found = [one for one in versions if which in (str(one.version), one.stage, *one.aliases)]
        if not found:
            known = [str(one.version) for one in versions] + [
                alias for one in versions for alias in one.aliases
            ]
            raise NotFound.among("version", which, known, where=f"model {model!r}")
        return found[-1]

    def __iter__(self) -> Iterator[str]:
        return iter(one.id for one in self._versions())

    def __len__(self) -> int:
        return len(self._versions())

    def names(self) -> list[str]:
        """Return the names of the models."""
        return sorted({one.name for one in self._versions()})

    def versions(self, name: str) -> list[ModelVersion]:
        """Return the versions of a model, the oldest first."""
        return [one for one in self._versions() if one.name == name]

    def register(
        self, trained: Trained, name: str, *, note: str = "", trust: Sequence[str] = ()
    ) -> ModelVersion:
        """Keep a trained model as the next version of ``name``, as a candidate.

        Parameters
        ----------
        trained : Trained
            What `headwater.models.train.train` gave.
        name : str
            Of letters, digits, ``_ . -``.
        note : str
            What is to be said about it.
        trust : sequence of str
            Types outside scikit-learn that it is made of, where its recipe is your own.

        Raises
        ------
        UsageError
            If the name is not valid, the model cannot be kept, or it was trained on data that are not committed.
        """
        if trained.commit is None:
            raise UsageError(
                f"Dataset {trained.dataset!r} as it was trained on is not committed, so nobody could say later what "
                "the model learnt from. Commit first, then train and register."
            )
        signature = Signature(inputs=trained.inputs.schema, label=trained.label, classes=trained.classes)
        recipe = trained.recipe.partition("@")[0]
        data = model_bytes(recipe, trained.model, signature)
        read_model(data, trust=trust)
        contract = self._repo.at(trained.commit)[trained.dataset].contract
        others = {one.name for one in contract.columns} - {*trained.features} if contract else set()
        promised = contract.without_columns(others) if contract else None
        facts = {
            **trained.to_dict(),
            "note": note,
            "inputs": describe_inputs(trained.inputs),
            "contract": promised.to_odcs() if promised else None,
            "metrics_on": _ipc_digest(trained.predictions),
            "environment": environment(),
        }
        held = trained.predictions.select(trained.rows.column_names)
        rows = pa.concat_tables(
            [
                keys.append_column(_HELD, pa.array([is_held] * keys.num_rows, pa.bool_()))
                for keys, is_held in ((trained.rows, False), (held, True))
            ]
        )
        return self._add(name, facts, data, _ipc(rows), trust, trained.commit)

    def register_file(
        self,
        name: str,
        data: bytes,
        *,
        inputs: Sequence[str] = (),
        label: str = "label",
        classes: Sequence[str] = (),
        note: str = "",
        trust: Sequence[str] = (),
    ) -> ModelVersion:
        """Keep a model file from elsewhere: one of Headwater's, or ONNX.

        Parameters
        ----------
        name : str
            As in `register`.
        data : bytes
            The file.
        inputs : sequence of str
            Of an ONNX file with one input of shape (n, width): the names of the features in their order.
        label, classes : str, sequence of str
            Of an ONNX file: what it predicts.
        note, trust
            As in `register`.

        Raises
        ------
        InputError
            If the file cannot be read, or names types that are not trusted.
        """
        if data[:2] != b"PK":
            found = OnnxModel(data)
            if inputs:
                kinds = [
                    found.inputs.field(min(place, len(found.inputs) - 1)).type for place in range(len(inputs))
                ]
                found = OnnxModel(data, pa.schema(list(zip(inputs, kinds, strict=True))))
            signature = Signature(inputs=found.inputs, label=label, classes=tuple(classes))
            data = model_bytes("onnx", found, signature)
        model, signature = read_model(data, trust=trust)
        recipe, _ = read_model_facts(data)
        if signature.classes:
            width = model.predict(_blank(signature.inputs)).shape[1]
            if width != len(signature.classes):
                raise UsageError(
                    f"The model gives {width} probabilities, but {len(signature.classes)} classes are named."
                )
        facts = {
            "dataset": None,
            "commit": None,
            "recipe": recipe,
            "label": signature.label,
            "features": signature.inputs.names,
            "classes": list(signature.classes),
            "scores": [],
            "note": note,
            "inputs": [{"name": f.name, "type": str(f.type), "missing": 0.0} for f in signature.inputs],
            "contract": None,
            "environment": environment(),
        }
        return self._add(name, facts, data, b"", trust, None)

    def load(self, name: str) -> tuple[Fitted, Signature]:
        """Return the model itself, ready to predict, with what it takes and gives.

        Raises
        ------
        NotFound
            If there is no such version.
        """
        found = self[name]
        return read_model(self.file(found.id), trust=found.trust)

    def file(self, name: str) -> bytes:
        """Return the file of a version."""
        data: bytes = self._cell(self[name], "file")
        return data

    def rows(self, name: str, *, held_out: bool = False) -> pa.Table:
        """Return the keys of the rows that a version learnt from, or of those that it was judged on.

        Raises
        ------
        UsageError
            If it was trained elsewhere.
        """
        found = self[name]
        data = self._cell(found, "rows")
        if not data:
            raise UsageError(f"Model {found.id} was trained elsewhere: its rows are not known.")
        with pa.ipc.open_stream(data) as reader:
            found_rows = reader.read_all()
        is_held = found_rows.column(_HELD)
        return found_rows.filter(is_held if held_out else pc.invert(is_held)).drop_columns([_HELD])

    def set_alias(self, name: str, alias: str) -> None:
        """Let an alias of the model point to a version; an alias that is there already moves.

        Raises
        ------
        UsageError
            If the alias reads as a version or a stage.
        """
        found = self[name]
        if not _NAME.fullmatch(alias) or alias.isdigit() or alias in STAGES:
            raise UsageError(f"{alias!r} cannot be an alias: use letters and digits, no number and no stage.")
        row = pa.Table.from_pylist(
            [{"name": found.name, "alias": alias, "version": found.version}], schema=_ALIASES
        )
        with self._branch().transaction(f"alias {found.name}@{alias} is {found.id}") as tx:
            if "aliases" in tx:
                tx.upsert("aliases", row)
            else:
                tx.append("aliases", row, key=["name", "alias"])

    def drop_alias(self, name: str, alias: str) -> None:
        """Remove an alias of a model.

        Raises
        ------
        NotFound
            If there is none of that name.
        """
        model = name.partition("@")[0]
        known = [one for version in self.versions(model) for one in version.aliases]
        if alias not in known:
            raise NotFound.among("alias", alias, known, where=f"model {model!r}")
        with self._branch().transaction(f"drop alias {model}@{alias}") as tx:
            tx.delete("aliases", keys=pa.table({"name": [model], "alias": [alias]}))

    def remove(self, name: str) -> None:
        """Remove a version; the commits of the registry that had it keep it until `Repo.undo` or collection.

        Raises
        ------
        UsageError
            If it is in production.
        """
        found = self[name]
        if found.stage == "production":
            raise UsageError(f"Model {found.id} is in production. Archive it first, or promote another.")
        with self._branch().transaction(f"remove {found.id}") as tx:
            tx.delete("models", keys=pa.table({"name": [found.name], "version": [found.version]}))
            for alias in found.aliases:
                tx.delete("aliases", keys=pa.table({"name": [found.name], "alias": [alias]}))
        if found.data_tag in self._repo.tags():
            self._repo.delete_tag(found.data_tag)

    def decisions(self, name: str) -> list[Decision]:
        """Return what was decided about a model, the oldest first."""
        return [one for one in self._decisions() if one.model == name.partition("@")[0]]

    def decide(
        self,
        version: ModelVersion,
        stage: Stage,
        *,
        passed: bool,
        moved: bool,
        reason: str,
        results: Sequence[Mapping[str, Any]],
    ) -> Decision:
        """Record a decision about a version, and so move it, if it is so decided.

        Raises
        ------
        ConcurrentUpdate
            If somebody decided about the model at the same time.
        """
        found = Decision(
            model=version.name,
            version=version.version,
            before=version.stage,
            after=stage,
            passed=passed,
            moved=moved,
            reason=reason,
            results=tuple(results),
            time=datetime.now(UTC),
            author=self._repo.author,
        )
        row = {
            "name": found.model,
            "number": 1 + len(self.decisions(version.name)),
            "version": found.version,
            "before": found.before,
            "after": found.after,
            "passed": passed,
            "moved": moved,
            "reason": reason,
            "results": json.dumps([dict(one) for one in results]),
            "time": found.time,
            "author": found.author,
        }
        message = f"{version.id} {'is' if moved else 'is not'} promoted to {stage}"
        try:
            with self._branch().transaction(message) as tx:
                tx.append("decisions", pa.Table.from_pylist([row], schema=_DECISIONS), key=["name", "number"])
        except (MergeConflict, InvalidKeys) as error:
            raise ConcurrentUpdate(
                f"Somebody else decided about model {version.name!r} at the same time. Look at "
                f"`hw models show {version.name}`, then decide again."
            ) from error
        return found

    def gate(self, name: str, stage: Stage) -> Mapping[str, Any] | None:
        """Return the settings of the gate of a model's stage; None where nobody set it."""
        here = self._branch()
        rows = here["gates"].to_arrow().to_pylist() if "gates" in here else []
        found = [row["settings"] for row in rows if (row["name"], row["stage"]) == (name, stage)]
        return json.loads(found[0]) if found else None

    def set_gate(self, name: str, stage: Stage, settings: Mapping[str, Any]) -> None:
        """Set what must hold for versions of a model to come to a stage; see `headwater.models.promotion`."""
        row = pa.Table.from_pylist(
            [{"name": name, "stage": stage, "settings": json.dumps(dict(settings))}], schema=_GATES
        )
        with self._branch().transaction(f"gate of {name} to {stage}") as tx:
            if "gates" in tx:
                tx.upsert("gates", row)
            else:
                tx.append("gates", row, key=["name", "stage"])

    def _add(
        self,
        name: str,
        facts: Mapping[str, Any],
        data: bytes,
        rows: bytes,
        trust: Sequence[str],
        commit: str | None,
    ) -> ModelVersion:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} is not a valid name of a model: use letters, digits, and _ . - between them."
            )
        repo = self._repo
        row: dict[str, Any] = {
            "name": name,
            "time": datetime.now(UTC),
            "author": repo.author,
            "facts": json.dumps(facts),
            "trust": list(trust),
            "file_hash": digest(data),
            "file": data,
            "rows": rows,
        }
        for _ in range(_TRIES):
            # Numbers are not given twice, not even those of versions that were removed.
            number = 1 + max([*self._numbers(name), 0])
            row["version"] = number
            with suppress(MergeConflict, InvalidKeys):
                provenance = Provenance(
                    kind="run", id="register", inputs=(commit,) if commit else (), record={"model": name}
                )
                if commit:
                    self._keep(f"models/{name}/{number}", commit)
                with self._branch().transaction(f"register {name}@{number}", provenance=provenance) as tx:
                    tx.append(
                        "models", pa.Table.from_pylist([row], schema=_VERSIONS), key=["name", "version"]
                    )
                return self[f"{name}@{number}"]
        raise UsageError(
            f"Others registered versions of {name!r} at the same time, {_TRIES} times. Try again."
        )

    def _keep(self, tag: str, commit: str) -> None:
        """Tag the commit that a version is trained on, so that it is kept as long as the version is."""
        there = self._repo.tags().get(tag)
        if there is None:
            self._repo.create_tag(tag, commit)
        elif there != commit:
            self._repo.delete_tag(tag)
            self._repo.create_tag(tag, commit)

    def _numbers(self, name: str) -> list[int]:
        here = [one.version for one in self._versions() if one.name == name]
        return here + [one.version for one in self.decisions(name)]

    def _branch(self) -> Repo:
        return self._repo.orphan(MODELS_BRANCH)

    def _decisions(self) -> list[Decision]:
        here = self._branch()
        rows = here["decisions"].to_arrow().to_pylist() if "decisions" in here else []
        return [
            Decision(
                model=row["name"],
                version=row["version"],
                before=row["before"],
                after=row["after"],
                passed=row["passed"],
                moved=row["moved"],
                reason=row["reason"],
                results=json.loads(row["results"]),
                time=row["time"],
                author=row["author"],
            )
            for row in sorted(rows, key=lambda row: (row["name"], row["number"]))
        ]

    def _stages(self) -> dict[tuple[str, int], Stage]:
        """Return the stage of each version that was moved: the last decision tells, and one alone is in production."""
        found: dict[tuple[str, int], Stage] = {}
        for one in self._decisions():
            if one.moved:
                if one.after == "production":
                    before = [key for key, at in found.items() if key[0] == one.model and at == "production"]
                    found.update((key, "archived") for key in before)
                found[one.model, one.version] = one.after
        return found

    def _versions(self) -> list[ModelVersion]:
        here = self._branch()
        if "models" not in here:
            return []
        rows, stages = here["models"].to_arrow(_LIGHT).to_pylist(), self._stages()
        aliases: dict[tuple[str, int], list[str]] = {}
        if "aliases" in here:
            for one in here["aliases"].to_arrow().to_pylist():
                aliases.setdefault((one["name"], one["version"]), []).append(one["alias"])
        found = [
            ModelVersion(
                name=row["name"],
                version=row["version"],
                stage=stages.get((row["name"], row["version"]), "candidate"),
                aliases=tuple(sorted(aliases.get((row["name"], row["version"]), ()))),
                time=row["time"],
                author=row["author"],
                facts=json.loads(row["facts"]),
                trust=tuple(row["trust"]),
            )
            for row in rows
        ]
        return sorted(found, key=lambda one: (one.name, one.version))

    def _cell(self, version: ModelVersion, column: str) -> Any:
        here = self._branch()["models"]
        where = f"name = '{version.name}' AND version = {version.version}"
        return here.to_arrow([column], where=where).column(0)[0].as_py()


def _ipc(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema.remove_metadata(), options=options) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _ipc_digest(table: pa.Table) -> str:
    return digest(_ipc(table))


def _blank(schema: pa.Schema) -> pa.Table:
    """Return one row without values."""
    return pa.table([pa.nulls(1, field.type) for field in schema], schema=schema)
