import shutil

import pytest

from augmill.policies.errors import PolicyError
from augmill.tasks.storage.store import Store
from augmill.tasks.versions.versions import Lake, export
from tests.end_to_end.helpers import DATASET, go, policy, table_rows, write_csv


def test_a_dataset_whose_folder_was_removed_is_listed_no_more(tmp_path):
    write_csv(tmp_path / "data.csv", table_rows(0, 40))
    lake = Lake(Store(str(tmp_path / "lake")))
    for name in ("gone", "kept"):
        go(policy(tmp_path, "data.csv", "", dataset=name), tmp_path / "lake")
    assert lake.datasets() == ["gone", "kept"]
    shutil.rmtree(tmp_path / "lake" / "gone")
    assert lake.datasets() == ["kept"]


def test_an_export_to_where_no_folder_can_be_is_refused_in_a_sentence(tmp_path):
    data = write_csv(tmp_path / "data.csv", table_rows(0, 40))
    go(policy(tmp_path, "data.csv", ""), tmp_path / "lake")
    lake = Lake(Store(str(tmp_path / "lake")))
    with pytest.raises(PolicyError, match="cannot be made: Not a directory"):
        list(export(lake, lake.find(DATASET), data / "inside-a-file"))


def test_an_at_without_a_version_is_not_taken_for_the_latest(tmp_path):
    write_csv(tmp_path / "data.csv", table_rows(0, 40))
    go(policy(tmp_path, "data.csv", ""), tmp_path / "lake")
    lake = Lake(Store(str(tmp_path / "lake")))
    assert lake.find(DATASET).version == 0
    with pytest.raises(PolicyError, match="'made@' names no version"):
        lake.find(f"{DATASET}@")
