"""Laws over every policy in policies/ and every rule of the linter."""

import inspect
import re
from pathlib import Path

import pytest
import yaml

from augmill.policies import yaml_source
from augmill.policies.data_facts import DataFacts
from augmill.policies.errors import PolicyError
from augmill.policies.lint import explain, explanations, lint, rules
from augmill.policies.load import load
from augmill.policies.schema import Policy
from augmill.tasks.transforms.catalogue import Catalogue

ROOT = Path(__file__).parents[2]
POLICIES = sorted((ROOT / "policies").glob("*.yaml"))
CATALOGUE = Catalogue()

# What an example of a rule is laid over, one block per top-level key.
BASE = {
    "dataset": "dataset: example\n",
    "description": "description: Rows of an example.\n",
    "owner": "owner: tests\n",
    "modality": "modality: tabular\n",
    "source": "source: {uri: rows.csv}\n",
    "label": "label: target\n",
    "expectations": "expectations: breast-cancer\n",
    "steps": "steps:\n- name: balance\n  transforms:\n  - {use: tabular.smote, invariance: A point between is one.}\n"
    "  amount: {balance: true}\n",
}
# Faults that lie outside the text of a policy; they have tests of their own.
WITHOUT_EXAMPLE = {"AUG001", "AUG008", "AUG010", "AUG011", "AUG012"}
WITH_EXAMPLE = sorted(set(explanations()) - WITHOUT_EXAMPLE)


def codes_of(example, tmp_path):
    blocks = dict(re.findall(r"^(\w+)(:.*?\n)(?=\w|\Z)", example, flags=re.MULTILINE | re.DOTALL))
    facts = blocks.pop("facts", None)
    text = "".join((BASE | {key: key + block for key, block in blocks.items()}).values())
    file = tmp_path / "example.yaml"
    file.write_text(text)
    measured = DataFacts(**yaml_source.parse("facts" + facts).value["facts"]) if facts else None
    try:
        return {finding.rule for finding in lint(load(file, CATALOGUE), CATALOGUE, measured)}
    except PolicyError as fault:
        return {finding.rule for finding in fault.findings}


def section(code, name):
    text = re.search(rf"^{name}:\n(.*?)(?=^\w+:|\Z)", explain(code), flags=re.MULTILINE | re.DOTALL).group(1)
    return inspect.cleandoc("\n" + text) + "\n"


def test_the_base_of_the_examples_is_clean(tmp_path):
    assert codes_of("", tmp_path) == set()


@pytest.mark.parametrize("code", WITH_EXAMPLE)
def test_the_bad_example_of_a_rule_is_found(code, tmp_path):
    assert code in codes_of(section(code, "Bad"), tmp_path)


@pytest.mark.parametrize("code", WITH_EXAMPLE)
def test_the_good_example_of_a_rule_is_not_found(code, tmp_path):
    assert code not in codes_of(section(code, "Good"), tmp_path)


@pytest.mark.parametrize("code", sorted(explanations()))
def test_every_rule_explains_what_why_and_how(code):
    text = explain(code)
    title = text.partition("\n")[0]
    assert re.fullmatch(rf"{code}: [A-Z].*\.", title), title
    assert re.findall(r"^(\w+):\s", text, flags=re.MULTILINE)[1:3] == ["Why", "Fix"]


def test_no_rule_is_explained_by_another_code():
    files = sorted((ROOT / "policies" / "rules").glob("*.py"))
    functions = [name for file in files for name in re.findall(r"^def (aug\d{3})_", file.read_text(), re.MULTILINE)]
    assert sorted(functions) == sorted(code.lower() for code in rules())


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: file.stem)
def test_every_policy_loads_and_lints_clean(file):
    loaded = load(file, CATALOGUE)
    assert lint(loaded, CATALOGUE) == []
    assert loaded.policy.dataset == file.stem
    assert loaded.suite == ROOT / "expectations" / f"{loaded.policy.expectations}.yaml"


@pytest.mark.parametrize("file", POLICIES, ids=lambda file: file.stem)
def test_every_policy_survives_the_way_to_text_and_back(file, tmp_path):
    loaded = load(file, CATALOGUE)
    copy = tmp_path / "policies" / file.name
    copy.parent.mkdir()
    copy.write_text(yaml.safe_dump(loaded.policy.model_dump(mode="json")))
    again = load(copy, CATALOGUE)
    assert again.policy == loaded.policy
    assert again.content_hash == loaded.content_hash
    assert Policy.model_validate_json(loaded.policy.model_dump_json()) == loaded.policy


@pytest.mark.parametrize("name", ["breast_cancer", "wine"])
def test_the_bounds_of_a_suite_hold_for_the_real_data(name):
    from sklearn import datasets

    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    suite = yaml.safe_load((ROOT / "expectations" / f"{name.replace('_', '-')}.yaml").read_text())
    bounds = [asked["kwargs"] for asked in suite["expectations"] if asked["type"].endswith("values_to_be_between")]
    assert {asked["column"] for asked in bounds} == set(frame.columns) - {"target"}
    for asked in bounds:
        assert asked["min_value"] <= frame[asked["column"]].min()
        assert frame[asked["column"]].max() <= asked["max_value"]


@pytest.mark.parametrize(
    "attack",
    [
        "owner: !!python/object/apply:os.system [echo]\n",
        "owner: &a [*a]\n",
        "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9 if n else ['x'] * 9)}]\n" for n in range(30)),
    ],
    ids=["tag", "loop", "bomb"],
)
def test_an_attack_on_the_reader_is_one_clear_fault(attack, tmp_path):
    file = tmp_path / "attack.yaml"
    file.write_text("".join(block for key, block in BASE.items() if key != "owner") + attack)
    with pytest.raises(PolicyError) as caught:
        load(file, CATALOGUE)
    assert "AUG002" in {finding.rule for finding in caught.value.findings}
    assert caught.value.exit_code == 2
