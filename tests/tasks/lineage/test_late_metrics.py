"""Figures that come after the record reach the version's run, on every kind of store, and say when they cannot."""

import pytest

from augmill.policies.errors import StorageError
from augmill.tasks.lineage.late_metrics import log_later
from augmill.tasks.lineage.mlflow_run import record

pytestmark = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated")


def test_later_figures_are_metrics_of_the_run_and_events_its_tags(store_uri, document):
    from mlflow.tracking import MlflowClient

    link = record(document, store_uri, {})
    tags = {"augmill.rolled_back.stable": "12 -> 11: recall is 0.5, wanted >= 0.8"}
    log_later(store_uri, link["run_id"], {"reported/recall (test)": 0.9}, {}, at_ms=1_763_800_000_000, step=1)
    log_later(store_uri, link["run_id"], {"reported/recall (test)": 0.5}, tags, at_ms=1_763_900_000_000, step=2)
    client = MlflowClient(tracking_uri=store_uri)
    run = client.get_run(link["run_id"])
    (key,) = [name for name in run.data.metrics if name.startswith("reported/recall")]
    points = [(one.step, one.value, one.timestamp) for one in client.get_metric_history(link["run_id"], key)]
    assert points == [(1, 0.9, 1_763_800_000_000), (2, 0.5, 1_763_900_000_000)]
    assert run.data.tags["augmill.rolled_back.stable"] == tags["augmill.rolled_back.stable"]
    assert run.info.status == "FINISHED"


def test_a_run_that_is_not_there_is_one_clear_error(store_uri, document):
    record(document, store_uri, {})
    with pytest.raises(StorageError, match="refused the record"):
        log_later(store_uri, "0" * 32, {"recall": 0.5}, {}, at_ms=1, step=1)
