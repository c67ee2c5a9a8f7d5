"""A draft proposes treatments, spells out no personal data, and its proposal runs once it is taken."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import csv

from augmill.expectations.detector import in_values
from augmill.policies.load import load
from augmill.tasks.drafting.draft import Draft, draft
from augmill.tasks.drafting.infer_policy import DraftRequest
from augmill.tasks.transforms.catalogue import Catalogue

SHARED = Path(os.environ.get("AUGMILL_TEST_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
CATALOGUE = Catalogue()


def drafted(folder: Path, uri: str, label: str = "kind") -> Draft:
    return draft(DraftRequest(uri, label, "made"), folder, CATALOGUE)


@pytest.fixture
def people(tmp_path):
    chance = random.Random(0)
    rows = [
        f"user{number}@mail.example,Surname{number},"
        f"{f'ring +49 30 9018{number:04d}' if number % 9 == 0 else f'word {number}'},"
        f"{chance.choice(['ada@mail.example', 'bob@mail.example'])},{chance.gauss(0, 1):.3f},{'xy'[number % 4 == 0]}"
        for number in range(300)
    ]
    (tmp_path / "data.csv").write_text("\n".join(["login,surname,note,agent,size,kind", *rows]) + "\n")
    return tmp_path


def test_treatments_are_proposed_each_with_its_reason(people):
    made = drafted(people, "data.csv")
    lines = [line.strip() for line in made.policy.splitlines() if line.startswith("  #")]
    assert "#   login: hash  # in its texts: e-mail address (300)" in lines
    assert "#   surname: hash  # it is called like personal data (surname)" in lines
    assert "#   note: mask  # in its texts: phone number (34)" in lines
    assert "#   agent: hash  # in its texts: e-mail address (2)" in lines
    assert not [line for line in lines if line.startswith(("#   size", "#   kind"))]
    assert made.policy.count("personal data") == 1  # the surname's reason: lint's remarks would say it all once more


def test_neither_file_spells_out_what_a_column_holds(people):
    made = drafted(people, "data.csv")
    assert "mail.example" not in made.policy + made.suite
    assert "9018" not in made.policy + made.suite


def test_texts_without_personal_data_are_to_stay_so(people):
    line = "- {type: expect_column_values_to_hold_no_personal_data, kwargs: {column: "
    lines = [text for text in drafted(people, "data.csv").suite.splitlines() if "no_personal_data" in text]
    assert f"  {line}surname}}}}" in lines
    assert f"  # {line}note}}}}  # once source.pii treats it" in lines


def test_the_proposal_can_be_taken_as_it_stands(people):
    made = drafted(people, "data.csv")
    taken = made.policy.replace("  # pii:", "  pii:").replace("  #   ", "    ")
    (people / "policies").mkdir()
    (people / "expectations").mkdir()
    (people / "policies" / "made.yaml").write_text(taken)
    (people / "expectations" / "made.yaml").write_text(made.suite)
    pii = load(people / "policies" / "made.yaml", CATALOGUE).policy.source.pii
    assert pii == {"login": "hash", "surname": "hash", "note": "mask", "agent": "hash"}


@pytest.mark.parametrize(
    "name",
    [
        "adult_income/train.csv",
        "german_credit/german_credit.csv",
        "wine_quality/red.csv",
        "yeast6/yeast6.csv",
        "electricity_drift/reference.csv",
        "oil_spill/oil_spill.csv",
    ],
)
def test_plain_tables_raise_no_alarm_even_if_all_their_cells_were_texts(name):
    file = SHARED / name
    if not file.exists():
        pytest.skip("the shared data sets are not here; AUGMILL_TEST_DATA names their folder")
    every_cell_as_text = csv.ConvertOptions(
        column_types={column: pa.string() for column in csv.read_csv(file).column_names}
    )
    table = csv.read_csv(file, convert_options=every_cell_as_text)
    assert table.num_rows > 100
    found = {column: in_values(table[column].drop_null().unique().to_pylist()) for column in table.column_names}
    assert {column: kinds for column, kinds in found.items() if kinds} == {}
