"""What people are told: enough to act on, bounded, without rows, ids or secrets, and grouped by its cause."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from augmill.policies.errors import DataError, PolicyError, StorageError
from augmill.tasks.telemetry.alert import LONGEST_TEXT, Alert, alert_of, bounded
from augmill.tasks.telemetry.budget import Burn
from augmill.tasks.telemetry.dataset_event import DatasetEvent, failure
from augmill.tasks.telemetry.derived_events import burning, consequences, measured

CHECK = {
    "name": "label_consistency",
    "success": False,
    "observed": 0.91,
    "target": ">= 0.99",
    "on_failure": "fail",
    "failing": [{"sample_id": "0f3c9a52", "values": {"name": "Ada Lovelace"}}],
}
MOVED = {"dataset": "wine", "channel": "stable", "version": 3, "version_before": 4, "table_uri": "s3://lake/wine"}


def failed(fault: BaseException, dataset: str = "wine", run_id: str = "r-1", at: float = 0.0) -> DatasetEvent:
    return DatasetEvent("run.failed", dataset, run_id, at, failure(fault))


def refused(*checks: dict) -> DatasetEvent:
    cause = "nothing was published: label_consistency (0f3c9a52 Ada Lovelace)"
    (found,) = consequences(failed(DataError(cause, "Mend it.", {"failed": list(checks), "report": "x.html"})))
    return found


def told(happening: DatasetEvent) -> Alert:
    alert = alert_of(happening)
    assert alert is not None
    return alert


def test_a_refused_run_is_told_of_by_its_checks_and_not_a_second_time_as_a_failed_run():
    alert = told(refused(CHECK))
    assert alert.title == "augmill wine: a check failed"
    assert alert.text == "wine: nothing was published. label_consistency is 0.91, wanted >= 0.99. Run r-1."
    assert (alert.severity, alert.at) == ("page", "1970-01-01T00:00:00+00:00")
    assert alert_of(failed(DataError("x", "y", {}))) is None


def test_no_row_and_no_id_leaves_the_machine():
    happening = refused(CHECK, {**CHECK, "name": "values_in_set(name)", "observed": ["Ada Lovelace"]})
    everything = [asdict(told(happening)), bounded(happening), bounded(failed(DataError("Ada Lovelace", "x")))]
    everything += [asdict(told(failed(ValueError("no number: 'Ada Lovelace'"))))]
    for secret in ("Ada", "0f3c9a52"):
        assert secret not in json.dumps(everything, default=str)
    assert told(happening).facts["checks"][1]["observed"] is None


def test_rows_over_the_budget_of_the_suite_are_counted_without_the_reasons():
    report = {"quarantined": 12, "rows": 100, "reasons": {"name must not be 'Ada'": 12}}
    (found,) = consequences(failed(DataError("x", "y", report)))
    assert told(found).text == "wine: nothing was published. 12 of 100 rows failed. Run r-1."


def test_of_many_checks_some_are_named_and_the_rest_counted():
    alert = told(refused(*({**CHECK, "name": f"check-{number}"} for number in range(50))))
    assert alert.text.endswith("; and 45 more. Run r-1.")
    assert len(alert.facts["checks"]) == 20
    assert len(told(refused(*({**CHECK, "name": "x" * 900} for _ in range(20)))).text) <= LONGEST_TEXT


def test_a_published_version_with_a_check_that_only_warns_is_a_ticket():
    document = {"version": 7, "checks": [{**CHECK, "on_failure": "warn"}, {**CHECK, "success": True, "name": "fine"}]}
    (found,) = consequences(DatasetEvent("run.published", "wine", "r-1", 0.0, document))
    assert told(found).severity == "ticket"
    assert told(found).text == "wine@7: label_consistency is 0.91, wanted >= 0.99. Run r-1."
    unchanged = DatasetEvent("run.unchanged", "wine", "r-1", 0.0, document)
    assert list(consequences(unchanged)) == []


def test_a_channel_that_a_run_moved_is_a_promotion():
    document = {"dataset": "wine", "version": 7, "table_uri": "x", "checks": [], "announced": "stable"}
    (found,) = consequences(DatasetEvent("run.published", "wine", "r-1", 0.0, document))
    assert (found.kind, told(found).text) == ("channel.promoted", "wine@stable is version 7 (its run). Run r-1.")
    assert list(consequences(DatasetEvent("run.published", "wine", "r-1", 0.0, {**document, "announced": None}))) == []


def test_a_breach_tells_of_the_check_of_each_channel_that_went_back_and_of_those_that_could_not():
    events = [
        {"channel": "stable", "from": 4, "to": 3, "why": "recall is 0.5, wanted >= 0.8"},
        {"channel": "canary", "from": 4, "to": None, "why": "recall is 0.5, wanted >= 0.8"},
    ]
    document = {"dataset": "wine", "version": 4, "checks": [CHECK], "breaches": ["recall"], "rolled_back": events}
    check, moved = measured({**document, "table_uri": "x"}, "none", 0.0, "reported by ada")
    assert told(check).text.endswith("canary still names it.")
    assert told(moved).severity == "page"
    sentence = "wine@stable went back from version 4 to 3 because recall is 0.5, wanted >= 0.8 (reported by ada)."
    assert told(moved).text == sentence
    assert list(measured({**document, "breaches": [], "rolled_back": []}, "none", 0.0, "x")) == []


def test_a_rollback_by_hand_is_no_alarm():
    alert = told(DatasetEvent("channel.rolled_back", "wine", "none", 0.0, {**MOVED, "by": "rolled back by ada"}))
    assert alert.severity == "info"
    assert alert.text == "wine@stable went back from version 4 to 3 (rolled back by ada)."


@pytest.mark.parametrize(
    ("rate", "said"), [(10.0, "burns at 10 times the allowed rate"), (None, "burns although none is allowed")]
)
def test_a_burning_budget_says_how_fast(rate, said):
    burn = Burn("sample_validity", 0.999, rate, rate, rate, runs=4)
    alert = told(burning(DatasetEvent("run.published", "wine", "r-1", 0.0, {}), burn))
    assert (
        alert.text == f"wine: the error budget of sample_validity (target 0.999) {said} over the last 4 runs. Run r-1."
    )


def test_one_outage_is_one_group_for_all_datasets_and_another_fault_is_another():
    def away(dataset, run):
        return told(
            failed(StorageError(f"cannot read /lake/{dataset}/part-{run}: host 10.0.0.7 is away", "x"), dataset)
        )

    assert away("wine", 1).group == away("oil-spill", 22).group
    assert away("wine", 1).group != told(failed(StorageError("the disk is full", "x"))).group
    first, second = (told(failed(PolicyError("unknown key", "x"), name)) for name in ("wine", "oil"))
    assert first.group != second.group


def test_the_same_check_of_another_dataset_or_another_check_is_another_group():
    same, other = told(refused(CHECK)), told(refused({**CHECK, "name": "copies"}))
    again = told(refused({**CHECK, "observed": 0.5}))
    assert same.group == again.group != other.group


def test_every_promotion_is_a_group_of_its_own():
    first, second = (DatasetEvent("channel.promoted", "wine", "none", at, {**MOVED, "by": "x"}) for at in (1.0, 2.0))
    assert told(first).group != told(second).group


def test_secrets_are_cut_and_a_person_who_stops_a_run_is_no_alert():
    alert = told(failed(StorageError("s3://me:hunter2@host/x is away", "Wait.")))
    assert "hunter2" not in json.dumps(asdict(alert), default=str)
    assert alert_of(failed(KeyboardInterrupt())) is None
    assert alert_of(DatasetEvent("run.started", "wine", "r", 0.0, {})) is None
