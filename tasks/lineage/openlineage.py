"""OpenLineage events of a run: plain JSON, built from the facts of a dataset event, after the published specification.

Nothing in them is a value of a row. A run is START, then COMPLETE, FAIL or ABORT under one id; the raw objects and
the parent version are its inputs, the Delta table its output. Names follow the specification's rules for files and
S3, so that events of other tools about the same objects meet ours.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from augmill.tasks.documents.text_format import value_text
from augmill.tasks.documents.version_document import InputDocument
from augmill.tasks.lineage.inputs import MAX_SINGLE_INPUTS, common_folder
from augmill.tasks.rows.provenance import MEANINGS
from augmill.tasks.sanitize.redact import redact, redact_all, redact_text
from augmill.tasks.telemetry.dataset_event import DatasetEvent

if TYPE_CHECKING:
    from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent

PRODUCER = "urn:augmill"
STATES = {"run.started": "START", "run.published": "COMPLETE", "run.unchanged": "COMPLETE", "run.failed": "FAIL"}
ABORTED = {"KeyboardInterrupt", "CancelledError", "CancelledRun", "TerminationSignal"}
MAX_COLUMNS = 1_000
MAX_LINKS = 20_000
"""Pairs of a published column and a raw one; above it, the raw objects are one folder."""


@dataclass(frozen=True)
class Source:
    """Where the policy file is in its repository; `url` and `version` as git says, `path` below its root."""

    url: str
    version: str | None
    path: str


@dataclass(frozen=True)
class JobContext:
    """What the facts of a run lack: the job's name space and owner, the place of the policy, and the parent run.

    `parent` is name space, job and run id; `nominal` the moment it was scheduled for, in seconds since 1970.
    """

    namespace: str = "augmill"
    version: str = ""
    owner: str = ""
    description: str = ""
    source: Source | None = None
    parent: tuple[str, str, str] | None = None
    nominal: float | None = None


def event(happening: DatasetEvent, context: JobContext) -> RunEvent | None:
    """The event of something that happened; None where it is no run, or where nothing had to run."""
    state = STATES.get(happening.kind)
    if state is None or (happening.kind == "run.unchanged" and not is_uuid(happening.run_id)):
        return None
    from openlineage.client.event_v2 import RunEvent, RunState, set_producer

    set_producer(PRODUCER)  # of every facet
    facts = redact_all(dict(happening.facts))
    if state == "FAIL" and (facts.get("kind") in ABORTED or facts.get("exit_code") == 130):
        state = "ABORT"
    ended = state == "COMPLETE"
    return RunEvent(
        eventTime=iso(happening.at),
        producer=PRODUCER,
        eventType=RunState[state],
        run=_run(happening, facts, context, state),
        job=_job(happening.dataset, facts, context),
        inputs=list(_inputs(facts)) if ended else [],
        outputs=[_output(facts)] if ended else [],
    )


def is_uuid(text: str) -> bool:
    """Whether the specification takes it for the id of a run."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def iso(at: float) -> str:
    """A moment as the specification writes it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dataset_name(uri: str) -> tuple[str, str]:
    """Name space and name of an object by the specification: `file` and its path, `s3://bucket` and its key."""
    parts = urlsplit(redact(uri))
    if parts.scheme in ("", "file"):
        return "file", parts.path or uri
    if uri.startswith("builtin:"):
        return "builtin", uri.removeprefix("builtin:")
    host = parts.netloc.rpartition("@")[2]  # neither a user nor a password is part of a name
    return f"{parts.scheme}://{host}", parts.path.strip("/") or "/"


def _run(happening: DatasetEvent, facts: Mapping[str, Any], context: JobContext, state: str) -> Run:
    from openlineage.client import facet_v2 as facets
    from openlineage.client.event_v2 import Run

    # A run that ended before it began, on a policy that cannot be read, has no id: it is given one.
    run_id = happening.run_id
    if not is_uuid(run_id):
        run_id = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{happening.dataset}{happening.at}"))
    engine = facets.processing_engine_run.ProcessingEngineRunFacet(
        version=context.version, name="augmill", openlineageAdapterVersion=context.version
    )
    run_facets: dict[str, Any] = {"processing_engine": engine}
    if context.nominal is not None:
        run_facets["nominalTime"] = facets.nominal_time_run.NominalTimeRunFacet(nominalStartTime=iso(context.nominal))
    if context.parent is not None:
        namespace, name, parent = context.parent
        run_facets["parent"] = facets.parent_run.ParentRunFacet(
            run=facets.parent_run.Run(runId=parent), job=facets.parent_run.Job(namespace=namespace, name=name)
        )
    if state in ("FAIL", "ABORT"):
        run_facets["errorMessage"] = facets.error_message_run.ErrorMessageRunFacet(_fault(facts), "python")
    return Run(runId=run_id, facets=run_facets)


def _fault(facts: Mapping[str, Any]) -> str:
    """What went wrong. Of data that did not pass, the checks that failed, and of a bug its place: causes may quote a
    row."""
    if "where" in facts:
        return f"{facts.get('kind')} in {', '.join(facts['where'])}"
    if facts.get("kind") != "DataError":
        return f"{facts.get('kind')}: {facts.get('cause')} {facts.get('remedy', '')}".strip()
    checks = (facts.get("report") or {}).get("checks") or []
    failed = [str(check["name"]) for check in checks if not check.get("success", True)]
    return f"DataError: the data did not pass{': ' if failed else ''}{', '.join(failed)}"


def _job(dataset: str, facts: Mapping[str, Any], context: JobContext) -> Job:
    from openlineage.client import facet_v2 as facets
    from openlineage.client.event_v2 import Job

    policy = facts.get("policy") if isinstance(facts.get("policy"), dict) else {}
    owner = redact_text(str((policy or {}).get("owner") or context.owner))
    description = redact_text(str((policy or {}).get("description") or context.description))
    job_facets: dict[str, Any] = {
        "jobType": facets.job_type_job.JobTypeJobFacet(processingType="BATCH", integration="AUGMILL", jobType="DAG")
    }
    if description:
        job_facets["documentation"] = facets.documentation_job.DocumentationJobFacet(description=description)
    if owner:
        job_facets["ownership"] = facets.ownership_job.OwnershipJobFacet(
            owners=[facets.ownership_job.Owner(name=owner, type="OWNER")]
        )
    if context.source is not None:
        job_facets["sourceCodeLocation"] = facets.source_code_location_job.SourceCodeLocationJobFacet(
            type="git",
            url=context.source.url,
            repoUrl=context.source.url,
            path=context.source.path,
            version=facts.get("git_commit") or context.source.version,
        )
    return Job(namespace=context.namespace, name=f"augment.{dataset}", facets=job_facets)


@dataclass(frozen=True)
class _RawInput:
    """Raw objects as one input: the object itself, or the folder of many."""

    uri: str
    objects: Sequence[InputDocument]


def _raw_inputs(facts: Mapping[str, Any]) -> list[_RawInput]:
    objects = facts.get("inputs") or []
    if not objects:
        return []
    if len(objects) > MAX_SINGLE_INPUTS or len(objects) * len(facts.get("columns") or {}) > MAX_LINKS:
        return [_RawInput(str(facts.get("source_uri") or common_folder([item["uri"] for item in objects])), objects)]
    return [_RawInput(item["uri"], [item]) for item in objects]


def _inputs(facts: Mapping[str, Any]) -> Iterator[InputDataset]:
    from openlineage.client import facet_v2 as facets
    from openlineage.client.event_v2 import InputDataset

    for source in _raw_inputs(facts):
        namespace, name = dataset_name(source.uri)
        first = source.objects[0]
        version = first.get("version_id") or first.get("sha256") if len(source.objects) == 1 else None
        dataset_facets: dict[str, Any] = {"dataSource": _source(source.uri)}
        if version:
            dataset_facets["version"] = facets.dataset_version_dataset.DatasetVersionDatasetFacet(
                datasetVersion=str(version)
            )
        size = sum(item.get("bytes", 0) for item in source.objects)
        counted = facets.input_statistics_input_dataset.InputStatisticsInputDatasetFacet(
            rowCount=_rows_read(facts), size=size, fileCount=len(source.objects)
        )
        yield InputDataset(
            namespace=namespace, name=name, facets=dataset_facets, inputFacets={"inputStatistics": counted}
        )
    parent = facts.get("parent_version")
    if parent is not None:
        namespace, name = dataset_name(facts["table_uri"])
        version_of = facets.dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(parent))
        yield InputDataset(namespace=namespace, name=name, facets={"version": version_of})


def _rows_read(facts: Mapping[str, Any]) -> int | None:
    """Rows of the source, known where it is one input."""
    rows = facts.get("rows") or {}
    return rows["real"] + rows.get("quarantined", 0) if len(_raw_inputs(facts)) == 1 and "real" in rows else None


def _source(uri: str) -> Any:
    from openlineage.client.facet_v2 import datasource_dataset

    namespace, name = dataset_name(uri)
    return datasource_dataset.DatasourceDatasetFacet(
        name=namespace, uri=f"{namespace}:{name}" if ":" not in uri else redact(uri)
    )


def _output(facts: Mapping[str, Any]) -> OutputDataset:
    from openlineage.client import facet_v2 as facets
    from openlineage.client.event_v2 import OutputDataset

    namespace, name = dataset_name(facts["table_uri"])
    change = facets.lifecycle_state_change_dataset.LifecycleStateChange
    dataset_facets: dict[str, Any] = {
        "version": facets.dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(facts["version"])),
        "dataSource": _source(facts["table_uri"]),
        "storage": facets.storage_dataset.StorageDatasetFacet(storageLayer="delta", fileFormat="parquet"),
        "schema": _schema(facts),
        "columnLineage": _column_lineage(facts),
        "dataQualityMetrics": _metrics(facts),
        "dataQualityAssertions": _assertions(facts),
    }
    if facts.get("skipped"):
        return OutputDataset(namespace=namespace, name=name, facets=dataset_facets)
    first = facts.get("parent_version") is None
    dataset_facets["lifecycleStateChange"] = facets.lifecycle_state_change_dataset.LifecycleStateChangeDatasetFacet(
        lifecycleStateChange=change.CREATE if first else change.OVERWRITE
    )
    written = facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=_total(facts), size=(facts.get("storage") or {}).get("total_bytes")
    )
    return OutputDataset(
        namespace=namespace, name=name, facets=dataset_facets, outputFacets={"outputStatistics": written}
    )


def _total(facts: Mapping[str, Any]) -> int:
    rows = facts.get("rows") or {}
    return sum(int(rows.get(origin) or 0) for origin in ("real", "augmented", "synthetic"))


def _schema(facts: Mapping[str, Any]) -> Any:
    from openlineage.client.facet_v2 import schema_dataset

    columns = list((facts.get("columns") or {}).items())[:MAX_COLUMNS]
    fields = [schema_dataset.SchemaDatasetFacetFields(name=name, type=kind) for name, kind in columns]
    fields += [
        schema_dataset.SchemaDatasetFacetFields(name=name, description=words) for name, words in MEANINGS.items()
    ]
    return schema_dataset.SchemaDatasetFacet(fields=fields)


def _column_lineage(facts: Mapping[str, Any]) -> Any:
    """Each column is that of the same name in the source; made rows went through the steps, hashed ones are masked."""
    from openlineage.client.facet_v2 import column_lineage_dataset as lineage

    policy = facts.get("policy") or {}
    steps = [f"{step['name']} ({', '.join(step.get('use', []))})" for step in facts.get("steps") or []]
    masked_columns = set((policy.get("source") or {}).get("pii") or {})
    untouched = {policy.get("label"), *(policy.get("ignore") or ())}
    source_names = [dataset_name(read.uri) for read in _raw_inputs(facts)]

    def transformations(column: str) -> list[Any]:
        masked = column in masked_columns
        kinds = [
            lineage.Transformation(type="DIRECT", subtype="TRANSFORMATION" if masked else "IDENTITY", masking=masked)
        ]
        if steps and column not in untouched:
            words = f"made rows: {'; '.join(steps)}"
            kinds.append(lineage.Transformation(type="DIRECT", subtype="TRANSFORMATION", description=words))
        return kinds

    return lineage.ColumnLineageDatasetFacet(
        fields={
            column: lineage.Fields(
                inputFields=[
                    lineage.InputField(
                        namespace=namespace, name=name, field=column, transformations=transformations(column)
                    )
                    for namespace, name in source_names
                ]
            )
            for column in list(facts.get("columns") or {})[:MAX_COLUMNS]
        }
    )


def _metrics(facts: Mapping[str, Any]) -> Any:
    """Counts of rows, and of classes of the label: figures, never values."""
    from openlineage.client.facet_v2 import data_quality_metrics_dataset as quality

    label = (facts.get("policy") or {}).get("label")
    counts = (facts.get("rows") or {}).get("by_split_origin_label") or {}
    classes = {name for origins in counts.values() for labels in origins.values() for name in labels}
    columns = {label: quality.ColumnMetrics(count=_total(facts), distinctCount=len(classes))} if label else {}
    size = (facts.get("storage") or {}).get("total_bytes")
    return quality.DataQualityMetricsDatasetFacet(columnMetrics=columns, rowCount=_total(facts), bytes=size)


def _assertions(facts: Mapping[str, Any]) -> Any:
    """The checks, each with its figure and its target; the ids of failing rows stay where the rows are."""
    from openlineage.client.facet_v2 import data_quality_assertions_dataset as quality

    return quality.DataQualityAssertionsDatasetFacet(
        assertions=[
            quality.Assertion(
                assertion=str(check["name"]),
                success=bool(check["success"]),
                severity="error" if check.get("on_failure") == "fail" else "warn",
                expected=None if check.get("target") is None else value_text(check["target"]),
                actual=value_text(check["observed"]) if isinstance(check.get("observed"), int | float) else None,
            )
            for check in facts.get("checks") or []
        ]
    )
