from augmill.flows.unchanged_run import move_channel
from augmill.tasks.dry_runs.plan import plan
from augmill.tasks.runs.request import resolve_request
from augmill.tasks.storage.store import Store
from augmill.tasks.summaries.plan_text import headline
from augmill.tasks.versions.versions import Lake
from tests.end_to_end.helpers import DATASET, go, policy, table_rows, write_csv


def test_a_channel_named_later_points_to_the_version_there_is(tmp_path):
    """Naming a channel changes no row, so the run finds nothing to do; the channel must be announced all the same."""
    write_csv(tmp_path / "data.csv", table_rows(0, 40))
    go(policy(tmp_path, "data.csv", ""), tmp_path / "lake")
    file = policy(tmp_path, "data.csv", "", publish="{channel: stable}")
    asked = resolve_request(file, lake=str(tmp_path / "lake"), home=tmp_path / "home")
    assert asked.unchanged
    assert "point stable at it" in headline(plan(asked, None, str(tmp_path / "scratch")))
    assert move_channel(asked) == "stable"
    assert move_channel(asked) is None
    assert "point stable" not in headline(plan(asked, None, str(tmp_path / "scratch")))
    assert Lake(Store(str(tmp_path / "lake"))).find(f"{DATASET}@stable").version == 0
