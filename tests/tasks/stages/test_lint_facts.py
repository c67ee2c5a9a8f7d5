import tempfile
from dataclasses import replace

import pytest

from augmill.policies.errors import DataError, PolicyError
from augmill.tasks.runners.thread import Runner
from augmill.tasks.runs.request import resolve_request
from augmill.tasks.stages import lint_facts
from augmill.tasks.stages.ingest import read_source
from augmill.tasks.stages.profile import profile_rows
from augmill.tasks.stages.split import place_all, write_real
from augmill.tasks.stages.validate import judge_rows
from tests.end_to_end.helpers import (
    HEADER,
    NOISE,
    SMOTE,
    go,
    picture_policy,
    policy,
    table_of,
    table_rows,
    write_csv,
    write_digits,
)


@pytest.fixture
def real_rows():
    """What the stages before fit leave, in a folder of its own."""
    with tempfile.TemporaryDirectory() as scratch, Runner(1) as runner:

        def made(file):
            request = resolve_request(file, lake=f"{scratch}/lake", home=file.parent / "home", refuse_errors=False)
            ctx = replace(request.ctx, scratch=scratch)
            request = replace(request, ctx=ctx)
            valid = judge_rows(ctx, runner, read_source(ctx, runner, request.listing))
            real = write_real(ctx, runner, valid, place_all(ctx, valid, request))
            return request, real, profile_rows(ctx, runner, real.files)

        yield made


def numbered(tmp_path, count, **more):
    lines = [f"{line},{number}" for number, line in enumerate(table_rows(0, count))]
    write_csv(tmp_path / "rows.csv", lines, header=f"{HEADER},number")
    return policy(tmp_path, "rows.csv", NOISE, **more)


def test_rows_columns_and_shares_of_values_are_found(tmp_path, real_rows):
    request, real, profile = real_rows(numbered(tmp_path, 200, ignore="[]"))
    found = lint_facts.facts_of(request.ctx, real.files, real.types, profile, {"shaken": {"hay": 3}})
    assert sum(found.train.values()) == 141
    assert found.classes == ["hay", "reed", "straw"]
    assert found.planned == {"shaken": {"hay": 3}}
    assert found.columns == {
        "width": "continuous",
        "height": "continuous",
        "grains": "integer",
        "colour": "categorical",
        "number": "integer",
    }
    assert found.distinct_share["number"] == 1.0
    assert found.distinct_share["colour"] == pytest.approx(2 / 141)
    assert "width" not in found.distinct_share
    assert (found.colour, found.noise_share) == (None, None)


def test_few_rows_say_nothing_of_identifiers(tmp_path, real_rows):
    request, real, profile = real_rows(numbered(tmp_path, 40))
    assert lint_facts.facts_of(request.ctx, real.files, real.types, profile, {}).distinct_share == {}


def test_pictures_are_looked_at_for_colour_and_noise(tmp_path, real_rows):
    write_digits(tmp_path / "data", labels=(0, 1), per_label=6)
    request, real, profile = real_rows(picture_policy(tmp_path, "data"))
    found = lint_facts.facts_of(request.ctx, real.files, real.types, profile, {})
    assert found.columns == {"image": "image"}
    assert (found.colour, found.noise_share) == (False, None)  # 8 x 8 pixels are too few to tell noise


def test_amounts_come_with_the_warnings_that_the_data_give(tmp_path, real_rows):
    request, real, profile = real_rows(numbered(tmp_path, 200, ignore="[]"))
    amounts, warnings = lint_facts.resolve_amounts(request, real, profile)
    assert amounts == {"shaken": dict(profile.real)}
    assert "column 'number' looks like an identifier" in " ".join(
        finding.message for finding in warnings if finding.rule == "AUG503"
    )


def test_a_misspelled_class_is_named_with_its_line_before_it_fails_the_amounts(tmp_path, real_rows):
    write_csv(tmp_path / "rows.csv", table_rows(0, 90))
    file = policy(tmp_path, "rows.csv", SMOTE.replace("[reed]", "[reeds]"))
    request, real, profile = real_rows(file)
    with pytest.raises(PolicyError) as caught:
        lint_facts.resolve_amounts(request, real, profile)
    (error,) = [finding for finding in caught.value.findings if finding.severity == "error"]
    assert error.rule == "AUG204"
    assert "reed" in error.remedy
    assert file.read_text().splitlines()[error.line - 1].strip() == "only: [reeds]"


def test_amounts_that_cannot_be_made_are_the_datas_fault_where_lint_has_nothing_to_say(tmp_path, real_rows):
    write_csv(tmp_path / "rows.csv", table_rows(0, 90))
    file = policy(tmp_path, "rows.csv", NOISE.replace("{copies: 1}", "{to_share: 0.6}\n    only: [reed, straw]"))
    with pytest.raises(DataError, match="cannot each reach a share"):
        lint_facts.resolve_amounts(*real_rows(file))


def test_a_run_is_refused_for_what_only_the_data_show_and_publishes_nothing(tmp_path):
    lines = table_rows(0, 200)
    few = [line for line in lines if "reed" in line][:4]
    write_csv(tmp_path / "rows.csv", [*(line for line in lines if "reed" not in line), *few])
    with pytest.raises(PolicyError) as caught:
        go(policy(tmp_path, "rows.csv", SMOTE), tmp_path / "lake")
    assert [finding.rule for finding in caught.value.findings if finding.severity == "error"] == ["AUG302"]
    assert table_of(tmp_path / "lake").versions() == []


def test_the_warnings_of_a_run_are_kept_with_its_version(tmp_path):
    version = go(numbered(tmp_path, 200, ignore="[]"), tmp_path / "lake")
    found = version.manifest.figures["lint"]
    assert "AUG503" in [finding["rule"] for finding in found]
    assert {finding["file"] for finding in found} == {"policy.yaml"}
    assert {finding["severity"] for finding in found} == {"warning"}


def test_a_regression_target_is_refused_before_anything_is_fitted_and_named_in_the_plan(tmp_path, real_rows):
    lines = [f"{line},{number * 7 % 211 / 10}" for number, line in enumerate(table_rows(0, 300))]
    write_csv(tmp_path / "rows.csv", lines, header=f"{HEADER},price")
    file = policy(tmp_path, "rows.csv", NOISE, label="price", ignore="[colour, kind]")
    with pytest.raises(PolicyError) as caught:
        lint_facts.resolve_amounts(*real_rows(file))
    (error,) = [finding for finding in caught.value.findings if finding.severity == "error"]
    assert error.rule == "AUG205"
    assert "'price' holds 211 different numbers in 300 rows" in error.message


def test_columns_of_text_are_looked_at_for_personal_data(tmp_path, real_rows):
    lines = [
        f"{line},{f'ring +49 30 9018{number:04d}' if number % 9 == 0 else 'quiet'}"
        for number, line in enumerate(table_rows(0, 90))
    ]
    write_csv(tmp_path / "rows.csv", lines, header=f"{HEADER},note")
    request, real, profile = real_rows(policy(tmp_path, "rows.csv", NOISE))
    found = lint_facts.facts_of(request.ctx, real.files, real.types, profile, {}).personal
    assert list(found) == ["note"]
    assert 0 < found["note"]["phone number"] <= 10
