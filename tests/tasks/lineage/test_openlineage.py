"""OpenLineage events: what they say, that the classes generated from the published schemas take them, and what they
must never say."""

import importlib
import inspect
import json
import pkgutil
from dataclasses import replace

import pytest
from openlineage.client import generated
from openlineage.client.generated.base import BaseFacet
from openlineage.client.serde import Serde

from augmill.tasks.lineage.openlineage import JobContext, Source, dataset_name, event
from augmill.tasks.telemetry.dataset_event import DatasetEvent, ending, failure

RUN = "019a0000-0000-7000-8000-000000000001"
PARENT = ("airflow", "nightly.augment", "019a0000-0000-7000-8000-000000000002")
SECRET = "hunter2"
AROUND = JobContext(
    version="0.1.0",
    owner="cellar",
    description="Wines.",
    source=Source("https://git.example.org/policies.git", "abc123", "policies/wine.yaml"),
    parent=PARENT,
    nominal=1_763_700_000.0,
)


def document(**more):
    told = {
        "dataset": "wine",
        "version": 3,
        "parent_version": 2,
        "table_uri": "s3://lake/team/wine",
        "skipped": False,
        "source_uri": "s3://raw/wine",
        "inputs": [
            {
                "name": "a.csv",
                "uri": f"s3://key:{SECRET}@raw/wine/a.csv",
                "sha256": "ab" * 32,
                "bytes": 40,
                "version_id": "v9",
            }
        ],
        "columns": {"alcohol": "double", "name": "string", "label": "string"},
        "policy": {
            "owner": "cellar",
            "description": "Wines.",
            "label": "label",
            "ignore": [],
            "source": {"uri": "s3://raw/wine", "pii": {"name": "hash"}},
        },
        "steps": [{"name": "shake", "use": ["tabular.gaussian_noise"]}],
        "rows": {
            "real": 90,
            "augmented": 30,
            "synthetic": 5,
            "quarantined": 10,
            "by_split_origin_label": {"train": {"real": {"zaphod": 60, "ford": 30}}},
        },
        "checks": [
            {"name": "labels_agree", "success": True, "observed": 0.99, "target": ">= 0.95", "on_failure": "fail"},
            {
                "name": "copies",
                "success": False,
                "observed": "zaphod",
                "target": 0,
                "on_failure": "warn",
                "failing": ["zaphod"],
            },
        ],
        "storage": {"total_bytes": 4000},
        "git_commit": "def456",
    }
    return told | more


def sent(happening, around=AROUND):
    return json.loads(Serde.to_json(event(happening, around)))


def complete(**more):
    return sent(ending(document(**more), RUN, 1_763_700_060.5))


GENERATED = {
    cls._get_schema(): cls
    for module in pkgutil.iter_modules(generated.__path__, f"{generated.__name__}.")
    for _, cls in inspect.getmembers(importlib.import_module(module.name), inspect.isclass)
    if issubclass(cls, BaseFacet)
}


def facets(value):
    """Every facet anywhere in an event."""
    if isinstance(value, dict):
        if "_schemaURL" in value:
            yield value
        for one in value.values():
            yield from facets(one)
    elif isinstance(value, list):
        for one in value:
            yield from facets(one)


def test_a_published_version_is_told_with_all_its_facets():
    told = complete()
    assert (told["eventType"], told["eventTime"]) == ("COMPLETE", "2025-11-21T04:41:00.500Z")
    assert told["run"]["runId"] == RUN
    assert set(told["run"]["facets"]) == {"processing_engine", "nominalTime", "parent"}
    assert told["run"]["facets"]["parent"]["job"]["name"] == "nightly.augment"
    assert told["run"]["facets"]["nominalTime"]["nominalStartTime"] == "2025-11-21T04:40:00.000Z"
    assert (told["job"]["namespace"], told["job"]["name"]) == ("augmill", "augment.wine")
    assert set(told["job"]["facets"]) == {"jobType", "documentation", "ownership", "sourceCodeLocation"}
    assert told["job"]["facets"]["sourceCodeLocation"]["version"] == "def456"
    raw, parent = told["inputs"]
    assert (raw["namespace"], raw["name"]) == ("s3://raw", "wine/a.csv")
    assert raw["facets"]["version"]["datasetVersion"] == "v9"
    counted = raw["inputFacets"]["inputStatistics"]
    assert (counted["rowCount"], counted["size"], counted["fileCount"]) == (100, 40, 1)
    assert (parent["namespace"], parent["name"]) == ("s3://lake", "team/wine")
    assert parent["facets"]["version"]["datasetVersion"] == "2"
    (table,) = told["outputs"]
    about = table["facets"]
    assert (table["namespace"], table["name"], about["version"]["datasetVersion"]) == ("s3://lake", "team/wine", "3")
    assert about["lifecycleStateChange"]["lifecycleStateChange"] == "OVERWRITE"
    assert about["storage"]["storageLayer"] == "delta"
    assert [field["name"] for field in about["schema"]["fields"]][:4] == [
        "alcohol",
        "name",
        "label",
        "augmill_sample_id",
    ]
    assert (
        table["outputFacets"]["outputStatistics"]["rowCount"],
        table["outputFacets"]["outputStatistics"]["size"],
    ) == (125, 4000)
    assert about["dataQualityMetrics"]["columnMetrics"]["label"] == {"count": 125, "distinctCount": 2, "quantiles": {}}
    good, bad = about["dataQualityAssertions"]["assertions"]
    assert (good["assertion"], good["success"], good["severity"], good["actual"]) == (
        "labels_agree",
        True,
        "error",
        "0.99",
    )
    assert (bad["success"], bad["severity"]) == (False, "warn")


def test_columns_come_from_those_of_the_same_name_and_say_what_was_done_to_them():
    fields = complete()["outputs"][0]["facets"]["columnLineage"]["fields"]
    kinds = {
        name: [(one["subtype"], one.get("masking", None)) for one in field["inputFields"][0]["transformations"]]
        for name, field in fields.items()
    }
    assert kinds == {
        "alcohol": [("IDENTITY", False), ("TRANSFORMATION", None)],
        "name": [("TRANSFORMATION", True), ("TRANSFORMATION", None)],
        "label": [("IDENTITY", False)],
    }
    assert fields["alcohol"]["inputFields"][0]["field"] == "alcohol"
    assert "shake (tabular.gaussian_noise)" in fields["alcohol"]["inputFields"][0]["transformations"][1]["description"]


def test_the_first_version_is_created_and_has_no_parent():
    told = complete(version=0, parent_version=None)
    assert len(told["inputs"]) == 1
    assert told["outputs"][0]["facets"]["lifecycleStateChange"]["lifecycleStateChange"] == "CREATE"


def test_many_raw_objects_are_one_folder():
    objects = [
        {"name": f"{i}.png", "uri": f"s3://raw/wine/{i}.png", "sha256": "c" * 64, "bytes": 2} for i in range(10_000)
    ]
    told = complete(inputs=objects)
    assert [(one["namespace"], one["name"]) for one in told["inputs"]] == [
        ("s3://raw", "wine"),
        ("s3://lake", "team/wine"),
    ]
    assert told["inputs"][0]["inputFacets"]["inputStatistics"]["fileCount"] == 10_000
    assert len(json.dumps(told)) < 30_000


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("/data/wine.csv", ("file", "/data/wine.csv")),
        ("file:///data/wine.csv", ("file", "/data/wine.csv")),
        ("s3://raw/wine/a.csv", ("s3://raw", "wine/a.csv")),
        ("s3://raw", ("s3://raw", "/")),
        ("builtin:wine", ("builtin", "wine")),
        ("https://host:8443/a/b.csv", ("https://host:8443", "a/b.csv")),
    ],
)
def test_names_follow_the_specification(uri, expected):
    assert dataset_name(uri) == expected


@pytest.mark.parametrize(
    ("fault", "state", "said"),
    [
        (
            {"kind": "StorageError", "cause": "the bucket is away.", "remedy": "Wait.", "exit_code": 4},
            "FAIL",
            "the bucket is away. Wait.",
        ),
        ({"kind": "KeyboardInterrupt", "cause": "", "exit_code": 130}, "ABORT", "KeyboardInterrupt"),
        ({"kind": "CancelledRun", "cause": "cancelled", "exit_code": 1}, "ABORT", "cancelled"),
    ],
)
def test_a_run_that_fails_says_why_and_one_that_was_stopped_is_aborted(fault, state, said):
    told = sent(DatasetEvent("run.failed", "wine", RUN, 1.0, fault))
    assert told["eventType"] == state
    assert said in told["run"]["facets"]["errorMessage"]["message"]
    assert (told["inputs"], told["outputs"]) == ([], [])


def test_a_run_that_never_began_has_an_id_all_the_same_and_one_that_was_not_needed_is_not_told_of():
    told = sent(DatasetEvent("run.failed", "wine", "none", 1.0, {"kind": "PolicyError", "cause": "x"}))
    assert len(told["run"]["runId"]) == 36
    assert event(ending(document(skipped=True), "none", 1.0), AROUND) is None
    assert event(DatasetEvent("channel.promoted", "wine", RUN, 1.0, {}), AROUND) is None
    found_nothing_new = sent(ending(document(skipped=True), RUN, 1.0))
    assert "outputFacets" not in found_nothing_new["outputs"][0] or not found_nothing_new["outputs"][0]["outputFacets"]
    assert "lifecycleStateChange" not in found_nothing_new["outputs"][0]["facets"]


def test_no_event_holds_a_secret_or_a_value_of_a_row():
    from augmill.policies.errors import DataError

    report = {"checks": [{"name": "labels_agree", "success": False, "failing": ["zaphod"]}]}
    fault = DataError("'zaphod' is no number", "Mend it.", report)
    described = replace(AROUND, description=f"https://ada:{SECRET}@example.org", owner=f"s3://a:{SECRET}@b")
    for told in (
        complete(),
        sent(DatasetEvent("run.started", "wine", RUN, 1.0, {"policy": "wine.yaml"}), described),
        sent(DatasetEvent("run.failed", "wine", RUN, 1.0, failure(ValueError("zaphod"))), described),
        sent(DatasetEvent("run.failed", "wine", RUN, 1.0, failure(fault)), described),
    ):
        text = json.dumps(told)
        assert "zaphod" not in text
        assert SECRET not in text
    assert "labels_agree" in text


@pytest.mark.parametrize("kind", ["complete", "first", "failed", "started"])
def test_the_classes_generated_from_the_published_schemas_take_every_facet(kind):
    told = {
        "complete": complete,
        "first": lambda: complete(version=0, parent_version=None),
        "failed": lambda: sent(DatasetEvent("run.failed", "wine", RUN, 1.0, {"kind": "PolicyError", "cause": "x"})),
        "started": lambda: sent(DatasetEvent("run.started", "wine", RUN, 1.0, {"policy": "wine.yaml"})),
    }[kind]()
    assert told["schemaURL"].startswith("https://openlineage.io/spec/2-")
    met = list(facets(told))
    assert len(met) >= 6
    for facet in met:
        cls = GENERATED[facet["_schemaURL"]]
        assert facet["_producer"] == "urn:augmill"
        cls(**{key: value for key, value in facet.items() if not key.startswith("_")})
