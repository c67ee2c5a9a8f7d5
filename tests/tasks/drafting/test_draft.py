from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augmill.policies.errors import DataError, PolicyError
from augmill.policies.lint import lint
from augmill.policies.load import load
from augmill.tasks.drafting.draft import Draft, draft
from augmill.tasks.drafting.infer_policy import DraftRequest, dataset_name
from augmill.tasks.drafting.source_profile import CONTRAST
from augmill.tasks.transforms.catalogue import Catalogue
from tests.end_to_end.helpers import go, quarantined

CATALOGUE = Catalogue()


def drafted(base: Path, uri: str | dict[str, str], label: str | None = "label", name: str = "trial") -> Draft:
    return draft(DraftRequest(uri, label, name), base, CATALOGUE)


def table(base: Path, header: str, rows: list[str], name: str = "data.csv") -> str:
    (base / name).write_text("\n".join([header, *rows]) + "\n")
    return name


def rows_of(counts: dict[str, int], cell) -> list[str]:
    chance = random.Random(0)
    rows = [f"{cell(chance)},{label}" for label, count in counts.items() for _ in range(count)]
    chance.shuffle(rows)
    return rows


def number(chance: random.Random) -> str:
    return f"{chance.gauss(0, 1):.3f},{chance.gauss(5, 2):.3f}"


def test_small_classes_of_numbers_are_interpolated(tmp_path: Path) -> None:
    made = drafted(tmp_path, table(tmp_path, "a,b,label", rows_of({"x": 300, "y": 100}, number)))
    (step,) = made.recommended
    assert [one.use for one in step.chain] == ["tabular.smote"]
    assert step.amount == {"balance": True}
    assert step.only == ("y",)
    assert "class y: 70 rows; the largest class has 210 (training rows)" in step.reasons
    assert not [finding for finding in made.findings if finding.severity == "error"]


def test_categories_call_for_smotenc(tmp_path: Path) -> None:
    mixed = rows_of({"x": 300, "y": 100}, lambda chance: f"{chance.gauss(0, 1):.3f},{chance.choice('pqr')}")
    made = drafted(tmp_path, table(tmp_path, "a,b,label", mixed))
    assert [one.use for one in made.recommended[0].chain] == ["tabular.smotenc"]
    assert "value_set: [p, q, r]" in made.suite


def test_missing_values_call_for_noise_and_their_word_is_found(tmp_path: Path) -> None:
    holes = rows_of({"x": 300, "y": 100}, lambda chance: f"{chance.gauss(0, 1):.3f},{chance.choice(['?', '1.5', '2'])}")
    made = drafted(tmp_path, table(tmp_path, "a,b,label", holes))
    (step,) = made.recommended
    assert [one.use for one in step.chain] == ["tabular.gaussian_noise"]
    assert any("missing values" in reason for reason in step.reasons)
    assert made.profile.policy.source.missing == ("", "?")
    assert made.profile.types["b"] == "float64"


def test_categories_alone_are_copied(tmp_path: Path) -> None:
    words = rows_of({"x": 300, "y": 100}, lambda chance: f"{chance.choice('mn')},{chance.choice('pqr')}")
    made = drafted(tmp_path, table(tmp_path, "a,b,label", words))
    assert [one.use for one in made.recommended[0].chain] == ["tabular.random_oversample"]
    assert "max_copy_share: 1.0" in made.policy


@pytest.mark.parametrize(("rare", "alpha"), [(40, "0.04"), (28, "0.05"), (25, None), (12, None)])
def test_the_drafted_alpha_judges_labels_or_says_of_whom_it_cannot(
    tmp_path: Path, rare: int, alpha: str | None
) -> None:
    rows = rows_of({"common": 400, "rare": rare}, number)
    made = drafted(tmp_path, table(tmp_path, "a,b,label", rows))
    assert ("alpha: " in made.policy) == (alpha is not None)
    if alpha:
        assert f"    alpha: {alpha}\n" in made.policy
    else:
        assert "with under 19 rows a class cannot be judged at any alpha (AUG307): rare (" in made.policy


def test_a_class_too_small_for_neighbours_gets_noise_and_the_lint_rule(tmp_path: Path) -> None:
    made = drafted(tmp_path, table(tmp_path, "a,b,label", rows_of({"x": 100, "y": 40, "z": 9}, number)))
    by_class = {step.only: step for step in made.recommended}
    assert [one.use for one in by_class[("y",)].chain] == ["tabular.smote"]
    assert [one.use for one in by_class[("z",)].chain] == ["tabular.gaussian_noise"]
    assert by_class[("z",)].amount == {"copies": 5}
    assert any("AUG302" in reason for reason in by_class[("z",)].reasons)
    assert [step.name for step in made.recommended] == ["balance-1", "balance-2"]


def test_a_class_of_a_few_in_a_thousand_gets_noise(tmp_path: Path) -> None:
    made = drafted(tmp_path, table(tmp_path, "a,b,label", rows_of({"x": 6000, "y": 20}, number)))
    (step,) = made.recommended
    assert [one.use for one in step.chain] == ["tabular.gaussian_noise"]
    assert any("AUG301" in reason for reason in step.reasons)


def test_even_classes_get_one_noisy_child_a_row(tmp_path: Path) -> None:
    made = drafted(tmp_path, table(tmp_path, "a,b,label", rows_of({"1": 60, "2": 50}, number)))
    (step,) = made.recommended
    assert (step.amount, step.only) == ({"copies": 1}, ())
    assert "max_out_of_range_share: 0.25" in made.policy


def test_running_numbers_and_ids_are_ignored_with_the_reason(tmp_path: Path) -> None:
    chance = random.Random(0)
    ids = chance.sample(range(10**6), 200)
    rows = [f"{i},{ids[i]},u{ids[i]},{chance.gauss(0, 1):.2f},{i % 3}" for i in range(200)]
    made = drafted(tmp_path, table(tmp_path, "row,ticket,mail,a,label", rows))
    assert made.profile.policy.ignore == ("row", "ticket", "mail")
    assert "- row  # counts up from row to row" in made.policy
    assert not any(finding.rule in ("AUG503", "AUG504") for finding in made.findings)


def test_the_draft_accepts_every_row_it_saw_but_the_broken_ones(tmp_path: Path) -> None:
    rows = [*rows_of({"x": 90, "y": 80}, number), "torn", "inf,1,x", "1,2,"]
    made = drafted(tmp_path, table(tmp_path, "a,b,label", rows))
    assert made.profile.unusable == {
        "expected 3 fields, got 1": 1,
        "a number is infinite": 1,
        "its label is missing": 1,
    }
    assert "budget: {max_quarantine_share: 0.04}" in made.suite
    assert "3 of 173 rows (1.73%) will be quarantined" in made.policy


@pytest.mark.parametrize(("torn", "budget", "runs"), [(15, "0.14", True), (30, "0.2", True), (60, "0.2", False)])
def test_no_draft_allows_for_more_than_a_fifth_of_bad_rows(tmp_path: Path, torn: int, budget: str, runs: bool) -> None:
    rows = [*rows_of({"x": 100, "y": 100}, number), *["torn"] * torn]
    made = drafted(tmp_path, table(tmp_path, "a,b,label", rows))
    assert f"budget: {{max_quarantine_share: {budget}}}" in made.suite
    assert ("A run would fail" not in made.suite) == ("A run would fail" not in made.policy) == runs
    assert made.profile.would_fail is not runs


def test_a_column_of_numbers_but_for_a_few_cells_is_drafted_as_one(tmp_path: Path) -> None:
    rows = [*rows_of({"x": 100, "y": 100}, number), "oops,1.5,x", "n.n.,2.5,y"]
    made = drafted(tmp_path, table(tmp_path, "a,b,label", rows))
    assert "- a  #" not in made.policy
    assert made.profile.columns["a"].kind == "float64"
    assert "{type: expect_column_values_to_be_of_type, kwargs: {column: a, type_: float64}}" in made.suite
    assert '# a: 99.0% of its values are numbers; rows where it is none, as in "n.n." or oops, are' in made.suite
    assert made.profile.unusable == {"column 'a': a cell is not a number": 2}
    assert "budget: {max_quarantine_share: 0.02}" in made.suite


@pytest.mark.parametrize("holes", [0, 5])
def test_whole_numbers_stay_whole_with_and_without_gaps(tmp_path: Path, holes: int) -> None:
    rows = rows_of({"x": 100, "y": 100}, lambda chance: f"{chance.gauss(0, 1):.3f},{chance.randrange(1000)}")
    made = drafted(tmp_path, table(tmp_path, "a,b,label", [*rows, "1.5,oops,x", *["1.5,,y"] * holes]))
    assert "kwargs: {column: b, type_: int64}" in made.suite
    assert made.profile.columns["b"].kind == "int64"


@pytest.mark.parametrize("odd", [["oops"] * 20, ["007"], []])
def test_codes_and_texts_stay_texts(tmp_path: Path, odd: list[str]) -> None:
    chance = random.Random(0)
    codes = [f"{chance.randrange(10**6):06d}" for _ in range(100)] if odd == ["007"] else []
    rows = [*(f"{cell},x" for cell in codes), *rows_of({"x": 100, "y": 100}, lambda one: f"{one.gauss(0, 1):.4f}")]
    rows += [f"{cell},y" for cell in odd]
    made = drafted(tmp_path, table(tmp_path, "a,label", rows))
    assert "of_type" not in made.suite
    assert made.profile.columns["a"].kind == ("string" if odd else "float64")


def test_every_reason_why_rows_are_bad_is_told(tmp_path: Path) -> None:
    torn = [",".join("1" * width) for width in (1, 2, 4, 5, 6, 7, 8)]
    made = drafted(tmp_path, table(tmp_path, "a,b,label", [*rows_of({"x": 90, "y": 80}, number), *torn]))
    told = " ".join(line.strip(" #") for line in made.policy.splitlines())
    assert all(f"1 x expected 3 fields, got {width}" in told for width in (1, 2, 4, 5, 6, 7, 8))


def test_a_split_column_and_folders_per_split_are_kept(tmp_path: Path) -> None:
    rows = [
        f"{row},{'val' if index % 5 == 0 else 'train'}" for index, row in enumerate(rows_of({"x": 60, "y": 50}, number))
    ]
    made = drafted(tmp_path, table(tmp_path, "a,b,label,split", rows))
    assert "split: {column: split}" in made.policy
    assert sum(made.profile.train.values()) == 88
    table(tmp_path, "a,b,label", rows_of({"x": 30, "y": 20}, number), "test.csv")
    table(tmp_path, "a,b,label", rows_of({"x": 60, "y": 50}, number), "train.csv")
    made = drafted(tmp_path, {"train": "train.csv", "test": "test.csv"})
    assert "# The source says which split a row is in: test, train." in made.policy
    assert made.profile.train == {"x": 60, "y": 50}


@pytest.mark.parametrize(
    ("header", "rows", "error", "says"),
    [
        ("a,lable", ["1,x", "2,y"], PolicyError, "no column 'label'"),
        ("a,label", ["1,x", "2,x"], DataError, "one class only"),
        ("a,label", [f"1,{row / 8}" for row in range(90)], PolicyError, "90 different numbers in 90 rows: a quantity"),
        ("a,label", [f"1,{row % 70}" for row in range(99)], PolicyError, "70 different numbers in 99 rows: a quantity"),
        ("a,label", [], DataError, "holds no row"),
        ("a,label", ["1", "2", "1,x"], DataError, "67% of 3 rows cannot be used"),
        ("augmill_a,label", ["1,x", "2,y"], DataError, "reserved for provenance: 'augmill_a'"),
        ("Size,size,label", ["1,1,x", "2,2,y"], DataError, "differ only in case: 'Size', 'size'"),
    ],
)
def test_data_that_no_policy_could_serve_are_refused(
    tmp_path: Path, header: str, rows: list[str], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        drafted(tmp_path, table(tmp_path, header, rows))


def picture(folder: Path, name: str, side: int, seed: int, channels: tuple[int, ...] = (3,)) -> None:
    import numpy as np
    from PIL import Image

    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, *channels), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / name)


def test_pictures_are_mirrored_unless_their_classes_forbid_it(tmp_path: Path) -> None:
    for index in range(12):
        picture(tmp_path, f"animals/{'cat' if index % 2 else 'dog'}/{index}.png", 12 + index, index)
        picture(tmp_path, f"signs/{'left' if index % 2 else 'right'}/{index}.png", 12, index)
    (tmp_path / "animals/cat/broken.png").write_bytes(b"no picture")
    animals = drafted(tmp_path, "animals", None, "animals")
    assert [[one.use for one in step.chain] for step in animals.recommended] == [
        ["image.horizontal_flip", "image.affine"],
        ["image.brightness_contrast"],
    ]
    assert "column: image.width, min_value: 6, max_value: 46" in animals.suite
    assert sum(animals.profile.unusable.values()) == 1
    signs = drafted(tmp_path, "signs", None, "turns")
    assert [one.use for one in signs.recommended[0].chain] == ["image.affine"]
    assert any("AUG201" in reason for reason in signs.recommended[0].reasons)
    assert "column: image.width, value_set: [12]" in signs.suite


def test_a_list_of_pictures_with_masks_and_boxes_is_recognised(tmp_path: Path) -> None:
    for name in ("1.png", "2.png", "3.png"):
        picture(tmp_path, f"images/{name}", 16, 1)
        picture(tmp_path, f"masks/{name}", 16, 2, ())
    boxes = [f"{index}.png,1,1,5,{index + 5},cell,{index}" for index in (1, 2, 3, 3)]
    table(tmp_path, "filename,xmin,ymin,xmax,ymax,class,age", boxes, "list.csv")
    made = drafted(tmp_path, "list.csv", None)
    columns = made.profile.policy.columns
    assert columns is not None
    assert "column: age" in made.suite
    assert "column: boxes" not in made.suite
    assert columns.model_dump() == {
        "image": "filename",
        "mask": "filename",
        "boxes": {"xmin": "xmin", "ymin": "ymin", "xmax": "xmax", "ymax": "ymax", "label": "class"},
    }


def test_labels_that_are_not_there_are_not_to_be_judged(tmp_path: Path) -> None:
    for number in range(20):
        picture(tmp_path, f"{number}.png", 16, number + 1)
    boxes = [f"{number}.png,1,1,5,{5 + number % 9},cell" for number in range(20)]
    table(tmp_path, "filename,xmin,ymin,xmax,ymax,class", boxes, "list.csv")
    made = drafted(tmp_path, "list.csv", None)
    assert made.recommended
    assert "label_consistency" not in made.policy


@pytest.mark.parametrize("name", ["wine", "breast_cancer", "digits"])
def test_the_drafts_of_built_in_data_have_no_errors(tmp_path: Path, name: str) -> None:
    label = "label" if name == "digits" else "target"
    made = drafted(tmp_path, f"builtin:{name}", label, dataset_name(f"builtin:{name}"))
    for folder, text in (("policies", made.policy), ("expectations", made.suite)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{made.profile.policy.dataset}.yaml").write_text(text)
    loaded = load(tmp_path / "policies" / f"{made.profile.policy.dataset}.yaml", CATALOGUE)
    assert loaded.suite is not None
    assert not [finding for finding in lint(loaded, CATALOGUE) if finding.severity == "error"]
    assert loaded.policy.steps


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("../data/Oil Spill.csv", "oil-spill"),
        ("data/*.parquet", "data"),
        ("s3://bucket/prefix/part-*.parquet", "prefix"),
        ("builtin:breast_cancer", "breast-cancer"),
        ("photos/", "photos"),
        (".", "dataset"),
    ],
)
def test_datasets_are_named_after_their_source(uri: str, name: str) -> None:
    assert dataset_name(uri) == name


def test_classes_of_a_few_rows_are_left_out_and_named(tmp_path: Path) -> None:
    made = drafted(tmp_path, table(tmp_path, "a,b,label", rows_of({"x": 100, "y": 40, "z": 3}, number)))
    assert [step.only for step in made.recommended] == [("y",)]
    assert "too few training rows to learn or to judge from: z (2)" in made.policy


def test_zeros_that_mean_none_are_kept_from_noise(tmp_path: Path) -> None:
    rows = rows_of({"x": 60, "y": 50}, lambda chance: f"{chance.gauss(0, 1):.3f},{chance.choice([0, 0, 7, 9, 4])}")
    made = drafted(tmp_path, table(tmp_path, "a,gain,label", rows))
    assert made.profile.policy.ignore == ("gain",)
    assert "of its values are 0, its bound: noise would carry them beyond" in made.policy


def test_rows_that_repeat_are_counted_where_copies_would_follow(tmp_path: Path) -> None:
    rows = rows_of({"x": 300, "y": 100}, number)
    made = drafted(tmp_path, table(tmp_path, "a,b,label", [*rows, *rows[:40]]))
    assert made.profile.repeated_share == pytest.approx(40 / 440)
    assert "max_copy_share: 0.19" in made.policy


def flat(folder: Path, label: str, count: int, levels: int = 1) -> None:
    import numpy as np
    from PIL import Image

    (folder / label).mkdir(parents=True, exist_ok=True)
    for index in range(count):
        pixels = np.full((12, 12, 3), (200, 10, index), dtype=np.uint8)
        pixels[3, 4, 1] += levels
        Image.fromarray(pixels).save(folder / label / f"flat-{index}.png")


def test_pictures_of_one_colour_get_no_children_and_the_reason(tmp_path: Path) -> None:
    flat(tmp_path / "plain", "sky", 20)
    flat(tmp_path / "plain", "wall", 20, levels=0)
    made = drafted(tmp_path, "plain", None, "plain")
    assert made.recommended == []
    assert "steps: []" in made.policy
    assert "pictures of one colour" in made.policy
    assert "sky (100%), wall (100%)" in " ".join(made.policy.replace("#", "").split())
    assert CONTRAST in made.policy
    assert CONTRAST not in made.suite


def test_classes_with_some_pictures_of_one_colour_are_left_out_or_allowed_for(tmp_path: Path) -> None:
    for index in range(57):
        picture(tmp_path, f"things/chair/{index}.png", 12, index)
        picture(tmp_path, f"things/table/{index}.png", 12, 100 + index)
    flat(tmp_path / "things", "sky", 20)
    flat(tmp_path / "things", "table", 3)
    made = drafted(tmp_path, "things", None, "things")
    assert {step.only for step in made.recommended} == {("chair", "table")}
    assert "sky (100%)" in made.policy
    assert "max_copy_share: 0.1" in made.policy


def test_columns_that_some_files_lack_are_allowed_and_named(tmp_path: Path) -> None:
    table(tmp_path, "a,b,label", rows_of({"x": 60, "y": 50}, number), "one.csv")
    table(tmp_path, "a,label", [row.partition(",")[2] for row in rows_of({"x": 60, "y": 50}, number)], "two.csv")
    made = drafted(tmp_path, "*.csv")
    assert "# b is missing from 1 of 2 files: two.csv ..." in made.suite
    assert "columns: {extra: allow, missing: allow}" in made.suite


def test_ratings_in_halves_are_classes(tmp_path: Path) -> None:
    made = drafted(tmp_path, table(tmp_path, "a,b,label", rows_of({"0.5": 60, "1.0": 30, "1.5": 60}, number)))
    assert made.profile.classes == {"0.5": 60, "1": 30, "1.5": 60}
    assert made.recommended


def test_dates_may_be_classes_and_the_draft_runs_as_it_is(tmp_path: Path) -> None:
    days = rows_of({"2020-01-31": 90, "2020-02-01": 40}, number)
    made = drafted(tmp_path / "policies", f"../{table(tmp_path, 'a,b,label', days)}")
    assert made.profile.classes == {"2020-01-31": 90, "2020-02-01": 40}
    assert made.recommended[0].only == ("2020-02-01",)
    assert 'only: ["2020-02-01"]' in made.policy
    for name, text in (("policies", made.policy), ("expectations", made.suite)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "trial.yaml").write_text(text)
    go(tmp_path / "policies" / "trial.yaml", tmp_path / "lake")
    assert quarantined(tmp_path / "lake", "trial") == []


def test_a_column_of_lists_is_no_label(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1.0, 2.0], "label": [["x"], ["y"]]}), tmp_path / "data.parquet")
    with pytest.raises(DataError, match="label column 'label' holds lists"):
        drafted(tmp_path, "data.parquet")
