"""The drift gate in a run: production is read as a source is, decides what is unchanged, and is on record."""

from __future__ import annotations

from pathlib import Path

import pytest

from augmill.policies.errors import DataError, PolicyError
from augmill.tasks.dry_runs import changes
from augmill.tasks.runs.request import resolve_request
from tests.end_to_end.helpers import (
    HEADER,
    NOISE,
    PICTURES,
    go,
    picture_policy,
    policy,
    table_of,
    table_rows,
    write_digits,
)
from tests.end_to_end.helpers import write_csv as written

GATE = "{drift_coverage: {production: met, max_feature_drift: 0.4}}"
LIKE = table_rows(5_000, 200)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    written(tmp_path / "data.csv", table_rows(0, 300))
    written(tmp_path / "met" / "1.csv", LIKE)
    return tmp_path


def gated(folder: Path, gate: str = GATE, **more: str) -> Path:
    return policy(folder, "data.csv", NOISE, gates=gate, **more)


def figures(version) -> dict[str, dict]:
    return {check["name"]: check for check in version.manifest.figures["checks"] if check["layer"] == "gates"}


def refused(folder: Path, gate: str = GATE, **more: str) -> DataError:
    with pytest.raises(DataError) as caught:
        go(gated(folder, gate, **more), folder / "lake")
    assert table_of(folder / "lake").versions() == []
    return caught.value


def drifted() -> list[str]:
    """The same rows in another unit: widths in inches where they were centimetres, say."""
    cells = [line.split(",") for line in LIKE]
    return [",".join([f"{40.0 + 2.54 * float(width):.6f}", *others]) for width, *others in cells]


def test_production_like_training_passes_and_is_a_recorded_input(folder):
    version = go(gated(folder), folder / "lake")
    assert figures(version)["drift_coverage"]["observed"] > 0.85
    (met,) = version.manifest.production["objects"]
    assert (met["name"], version.manifest.production["uri"]) == ("1.csv", str(folder / "met"))
    assert [one["name"] for one in version.manifest.inputs] == ["data.csv"]


def test_drifted_production_ends_the_run_and_the_feature_that_moved_is_named(folder):
    written(folder / "met" / "1.csv", drifted())
    failed = {check["name"]: check for check in refused(folder).report["failed"]}
    assert list(failed) == ["drift_coverage", "feature_drift"]
    assert failed["drift_coverage"]["observed"] < 0.1
    assert failed["feature_drift"]["details"][0]["of"].startswith("width (median")


def test_production_without_labels_is_enough(folder):
    bare = [line.rpartition(",")[0] for line in LIKE]
    written(folder / "met" / "1.csv", bare, HEADER.rpartition(",")[0])
    assert figures(go(gated(folder), folder / "lake"))["drift_coverage"]["success"]


def test_production_with_other_columns_is_one_error_with_its_remedy_before_a_row_is_made(folder):
    written(folder / "met" / "1.csv", LIKE, HEADER.replace("width", "widht"))
    fault = refused(folder)
    assert fault.cause == (
        "the production sample (gates.drift_coverage.production) lacks 'width'; it has 'widht', which the training rows"
        " have not"
    )
    assert fault.remedy == "Give it the columns of the source, by the same names. Did you mean widht?"
    assert not list((folder / "lake" / ".augmill").rglob("children"))


def test_a_new_production_sample_is_a_new_measurement_and_the_same_one_is_none(folder):
    file = gated(folder)
    first = go(file, folder / "lake")
    assert go(file, folder / "lake").skipped
    written(folder / "met" / "2.csv", table_rows(6_000, 100))
    asked = resolve_request(file, lake=str(folder / "lake"), home=folder / "home")
    assert not asked.unchanged
    assert changes.changes(asked)["reasons"] == ["the production sample changed"]
    second = go(file, folder / "lake")
    assert (second.number, second.new_bytes) == (1, 0)
    assert [one["name"] for one in second.manifest.production["objects"]] == ["1.csv", "2.csv"]
    assert [file["path"] for file in second.manifest.files] == [file["path"] for file in first.manifest.files]


def test_the_sample_does_not_depend_on_which_file_holds_which_rows_first(folder, tmp_path):
    one = figures(go(gated(folder), folder / "lake"))["drift_coverage"]
    (folder / "met" / "1.csv").rename(folder / "met" / "9.csv")
    assert figures(go(gated(folder), folder / "other"))["drift_coverage"] == one


def test_production_that_is_not_there_is_named_by_its_key(folder):
    with pytest.raises(PolicyError, match=r"gates\.drift_coverage\.production nowhere does not exist"):
        go(gated(folder, "{drift_coverage: {production: nowhere}}"), folder / "lake")


def test_too_few_production_rows_do_what_was_asked(folder):
    written(folder / "met" / "1.csv", LIKE[:20])
    assert "too few rows to judge" in str(refused(folder, "{drift_coverage: {production: met, on_too_few: fail}}"))
    answer = figures(go(gated(folder), folder / "lake"))["drift_coverage"]
    assert (answer["too_few"], answer["observed"]) == (True, None)


def test_personal_columns_that_production_lacks_do_not_matter(folder):
    cells = [f"{line},{number}@example.org" for number, line in enumerate(table_rows(0, 300))]
    written(folder / "data.csv", cells, f"{HEADER},email")
    source = "{uri: data.csv, pii: {email: drop}}"
    assert figures(go(gated(folder, source=source), folder / "lake"))["drift_coverage"]["success"]


def test_pictures_in_one_folder_are_production_too(tmp_path):
    write_digits(tmp_path / "digits", (0, 1), 90)
    for place in write_digits(tmp_path / "new", (0, 1), 60, start=90).rglob("*.png"):
        place.rename(tmp_path / "new" / place.name)
    noise = "{use: image.gaussian_noise, invariance: poor pens}"
    steps = f"\n  - name: shifted\n    transforms: [{noise}]\n    amount: {{copies: 1}}\n"
    file = picture_policy(tmp_path, "digits", steps, gates="{drift_coverage: {production: new, min_coverage: 0.5}}")
    found = figures(go(file, tmp_path / "lake"))
    assert found["drift_coverage"]["observed"] > 0.6
    assert found["feature_drift"]["details"][0]["of"].startswith("feature ")
    assert table_of(tmp_path / "lake", PICTURES).versions() == [0]


def test_production_rows_that_cannot_be_read_are_not_covered(folder):
    torn = [f"oops,{line.partition(',')[2]}" if number % 2 else line for number, line in enumerate(LIKE)]
    written(folder / "met" / "1.csv", torn)
    answer = figures(go(gated(folder, "{drift_coverage: {production: met, on_failure: warn}}"), folder / "lake"))
    assert answer["drift_coverage"]["observed"] < 0.5
    assert not answer["drift_coverage"]["success"]
    told = {one["of"]: one["observed"] for one in answer["drift_coverage"]["details"]}
    assert told["production rows that could be read"] == 0.5
