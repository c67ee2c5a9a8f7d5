import pytest

from augmill.policies.data_facts import DataFacts
from augmill.policies.lint import lint
from augmill.policies.load import load
from augmill.policies.rules.personal_data import called_personal
from augmill.tasks.transforms.catalogue import Catalogue

CATALOGUE = Catalogue()
POLICY = """\
dataset: made
owner: us
modality: tabular
label: kind
key: KEY
split: {group: GROUP}
source: {uri: rows.csv, pii: PII}
"""


def found(tmp_path, key="id", group="team", pii="{}", facts=None):
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY.replace("KEY", key).replace("GROUP", group).replace("PII", pii))
    hits = lint(load(file, CATALOGUE), CATALOGUE, facts)
    return [(one.rule, one.severity, one.path) for one in hits if one.rule.startswith("AUG6")]


@pytest.mark.parametrize("how", ["drop", "mask"])
@pytest.mark.parametrize(("role", "name"), [("label", "kind"), ("key", "id"), ("group", "team")])
def test_what_the_policy_needs_may_be_hashed_and_nothing_else(tmp_path, how, role, name):
    assert found(tmp_path, pii=f"{{{name}: {how}}}") == [("AUG601", "error", f"source.pii.{name}")]
    assert found(tmp_path, pii=f"{{{name}: hash}}") == []


def test_a_column_called_like_personal_data_is_told_without_any_look_at_the_data(tmp_path):
    assert found(tmp_path, key="customer_email") == [("AUG603", "warning", "key")]
    assert found(tmp_path, key="customer_email", pii="{customer_email: hash}") == []


def test_columns_of_text_alone_are_told_by_their_names(tmp_path):
    facts = DataFacts(columns={"Surname": "text", "phone": "categorical", "mailing": "text"})
    assert found(tmp_path, facts=facts) == [("AUG603", "warning", "source")]


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("customer_email", "email"),
        ("CustomerEmail", "email"),
        ("E-Mail", "email"),
        ("first_name", "firstname"),
        ("date_of_birth", None),
        ("dob", "dob"),
        ("mailing", None),
        ("emailed", None),
        ("capital-gain", None),
    ],
)
def test_names_are_taken_apart_into_words(name, word):
    assert called_personal(name) == word
