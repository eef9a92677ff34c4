"""Runs as events of OpenLineage, the open standard of lineage: what ran, from which datasets, with what result.

A run is a job with its steps as child jobs; what one step gives another is a dataset of the name ``PIPELINE.STEP``.

References
----------
OpenLineage 2.0.2. https://openlineage.io/spec/2-0-2/OpenLineage.json
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from headwater.core.errors import HeadwaterError
from headwater.pipelines.records import RunRecord, StepRecord
from headwater.store.storage import is_url
from headwater.versions.repo import Repo

__all__ = ["Events", "namespace_of"]

EventType = Literal["START", "COMPLETE", "FAIL", "ABORT"]

_PRODUCER = "urn:headwater"
_SPEC = "https://openlineage.io/spec"
_EVENT = f"{_SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = {
    "schema": "1-2-0/SchemaDatasetFacet",
    "version": "1-0-1/DatasetVersionDatasetFacet",
    "columnLineage": "1-2-0/ColumnLineageDatasetFacet",
    "ownership": "1-0-1/OwnershipDatasetFacet",
    "dataQualityAssertions": "1-1-0/DataQualityAssertionsDatasetFacet",
    "outputStatistics": "1-0-2/OutputStatisticsOutputDatasetFacet",
    "parent": "1-2-0/ParentRunFacet",
    "errorMessage": "1-0-1/ErrorMessageRunFacet",
    "processing_engine": "1-1-1/ProcessingEngineRunFacet",
    "sourceCodeLocation": "1-1-0/SourceCodeLocationJobFacet",
    "jobType": "2-0-4/JobTypeJobFacet",
}
_ENDS: Mapping[str, EventType] = {
    "succeeded": "COMPLETE",
    "failed": "FAIL",
    "stopped": "ABORT",
    "interrupted": "ABORT",
    "done": "COMPLETE",
    "reused": "COMPLETE",
}
_IDS = uuid.UUID("6f1b9d0e-7c55-5f0e-9f0b-3d3c6a2f4b11")


class Events:
    """The events of a run.

    Parameters
    ----------
    repo : Repo
        The repository, for the schemas of datasets.
    namespace : str, optional
        The namespace of jobs and datasets; the location of the repository by default.
    """

    def __init__(self, repo: Repo, namespace: str = "") -> None:
        self._repo = repo
        self.namespace = namespace or namespace_of(repo)

    def all_of(self, record: RunRecord) -> Iterator[dict[str, Any]]:
        """Yield the events of a run that is recorded, in the order of time as far as that is known."""
        yield self.of_run(record, begins=True)
        for step in record.steps.values():
            if step.state in ("waiting", "skipped"):
                continue
            yield self.of_step(record, step, begins=True)
            if step.state != "running":
                yield self.of_step(record, step)
        if record.state != "running":
            yield self.of_run(record)

    def of_run(self, record: RunRecord, *, begins: bool = False) -> dict[str, Any]:
        """Return the event that a run begins, or has ended as its record says."""
        kind: EventType = "START" if begins else _ENDS[record.state]
        failed = [one for one in record.steps.values() if one.state == "failed"]
        facets = {"processing_engine": self._engine(record)}
        if kind == "FAIL" and failed:
            said = "; ".join(f"{one.name}: {one.error}" for one in failed)
            facets["errorMessage"] = _facet("errorMessage", message=said, programmingLanguage="python")
        inputs = [self._source(label, commit) for label, commit in sorted(record.sources.items())]
        outputs = [] if begins else [self._output(record, name) for name in sorted(record.outputs)]
        return self._event(
            kind,
            record.began if begins else record.ended or record.beat,
            _run_id(record.id),
            record.pipeline,
            record,
            facets,
            inputs,
            outputs,
            "PIPELINE",
        )

    def of_step(self, record: RunRecord, step: StepRecord, *, begins: bool = False) -> dict[str, Any]:
        """Return the event that a step begins, or has ended as its record says."""
        kind: EventType = "START" if begins else "FAIL" if step.state == "failed" else _ENDS[step.state]
        facets = {
            "parent": _facet(
                "parent",
                run={"runId": _run_id(record.id)},
                job={"namespace": self.namespace, "name": record.pipeline},
            ),
            "processing_engine": self._engine(record),
        }
        if kind == "FAIL":
            facets["errorMessage"] = _facet(
                "errorMessage", message=step.error or "failed", programmingLanguage="python"
            )
        inputs = [self._taken(record, name) for name in step.inputs]
        if inputs and step.findings and not begins:
            inputs[0]["inputFacets"] = {"dataQualityAssertions": _assertions(step)}
        outputs = []
        if kind == "COMPLETE":
            made = [name for name, facts in record.outputs.items() if facts["step"] == step.name]
            outputs = [self._output(record, name) for name in made] or [self._between(record, step)]
        return self._event(
            kind,
            (step.began if begins else step.ended) or record.beat,
            _run_id(f"{record.id}/{step.name}"),
            f"{record.pipeline}.{step.name}",
            record,
            facets,
            inputs,
            outputs,
            "TASK",
        )

    def _event(
        self,
        kind: EventType,
        time: str,
        run: str,
        job: str,
        record: RunRecord,
        facets: Mapping[str, Any],
        inputs: list[dict[str, Any]],
        outputs: list[dict[str, Any]],
        job_type: str,
    ) -> dict[str, Any]:
        about: dict[str, Any] = {
            "jobType": _facet("jobType", processingType="BATCH", integration="HEADWATER", jobType=job_type)
        }
        revision = str(record.environment.get("revision", ""))
        if record.file and revision:
            about["sourceCodeLocation"] = _facet(
                "sourceCodeLocation",
                type="git",
                url=Path(record.file).absolute().as_uri(),
                path=record.file,
                version=revision,
            )
        return {
            "eventType": kind,
            "eventTime": time or datetime.now(UTC).isoformat(),
            "producer": _PRODUCER,
            "schemaURL": _EVENT,
            "run": {"runId": run, "facets": dict(facets)},
            "job": {"namespace": self.namespace, "name": job, "facets": about},
            "inputs": inputs,
            "outputs": outputs,
        }

    def _engine(self, record: RunRecord) -> dict[str, Any]:
        packages = record.environment.get("packages") or {}
        version = str(packages.get("headwater", "0"))
        return _facet("processing_engine", version=version, name="Headwater")

    def _taken(self, record: RunRecord, name: str) -> dict[str, Any]:
        if name in record.steps:
            return self._between(record, record.steps[name], measured=False)
        return self._source(name, record.sources.get(name, ""))

    def _between(self, record: RunRecord, step: StepRecord, *, measured: bool = True) -> dict[str, Any]:
        """Return what a step gives others as a dataset."""
        facets = {"version": _facet("version", datasetVersion=step.key)} if step.key else {}
        out = {"namespace": self.namespace, "name": f"{record.pipeline}.{step.name}", "facets": facets}
        if measured and step.rows is not None:
            out["outputFacets"] = {"outputStatistics": _facet("outputStatistics", rowCount=step.rows)}
        return out

    def _source(self, label: str, commit: str) -> dict[str, Any]:
        name = label.partition("@")[0]
        return {"namespace": self.namespace, "name": name, "facets": self._about(name, commit)}

    def _output(self, record: RunRecord, name: str) -> dict[str, Any]:
        facts = record.outputs[name]
        facets = self._about(name, record.commit or "")
        if facts.get("columns"):
            fields = {
                column: {"inputFields": [self._field(one) for one in origins]}
                for column, origins in facts["columns"].items()
            }
            facets["columnLineage"] = _facet("columnLineage", fields=fields)
        rows = record.steps[facts["step"]].rows
        out = {"namespace": self.namespace, "name": name, "facets": facets}
        if rows is not None:
            out["outputFacets"] = {"outputStatistics": _facet("outputStatistics", rowCount=rows)}
        return out

    def _field(self, origin: str) -> dict[str, str]:
        dataset, _, column = origin.partition(".")
        return {"namespace": self.namespace, "name": dataset, "field": column}

    def _about(self, name: str, commit: str) -> dict[str, Any]:
        """Return schema, version and owner of a dataset as it is at a commit, as far as it is there still."""
        if not commit:
            return {}
        facets = {"version": _facet("version", datasetVersion=commit)}
        try:
            found = self._repo.at(commit)[name]
        except HeadwaterError:
            # Collected since, or erased: the version names it all the same.
            return facets
        fields = [
            {"name": one.name, "type": str(one.type), "ordinal_position": place}
            for place, one in enumerate(found.schema, 1)
        ]
        facets["schema"] = _facet("schema", fields=fields)
        owner = found.contract.owner if found.contract else ""
        if owner:
            facets["ownership"] = _facet("ownership", owners=[{"name": owner}])
        return facets


def namespace_of(repo: Repo) -> str:
    """Return the location of a repository as a URL."""
    place = repo.storage.location
    return place if is_url(place) else Path(place).absolute().as_uri()


def _facet(facet: str, /, **facts: Any) -> dict[str, Any]:
    address = f"{_SPEC}/facets/{_FACETS[facet]}.json"
    kind = _FACETS[facet].rpartition("/")[2]
    return {"_producer": _PRODUCER, "_schemaURL": f"{address}#/$defs/{kind}", **facts}


def _assertions(step: StepRecord) -> dict[str, Any]:
    found = []
    for one in step.findings:
        asserted = {"assertion": str(one["check"]), "success": one["outcome"] in ("pass", "warn")}
        found.append({**asserted, "column": one["column"]} if one.get("column") else asserted)
    return _facet("dataQualityAssertions", assertions=found)


def _run_id(name: str) -> str:
    return str(uuid.uuid5(_IDS, name))
