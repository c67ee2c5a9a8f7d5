from pathlib import Path

import pytest

from augmill.policies.errors import PolicyError
from augmill.policies.load import load
from augmill.policies.schema import DEFAULT_FRACTIONS, MAX_ALPHA
from augmill.tasks.transforms.catalogue import Catalogue
from augmill.tasks.verifiers.calibration import MAX_REACHED_ALPHA

CATALOGUE = Catalogue()
GOOD = """\
dataset: example
modality: tabular
source:
  uri: rows.csv
label: target
steps:
  - name: balance
    transforms:
      - use: tabular.smote
        invariance: Between two neighbours lies one of the same class.
        params: {k_neighbors: 3}
    amount: {balance: true}
"""


@pytest.fixture
def policy(tmp_path):
    def write(text=GOOD, name="example.yaml"):
        file = tmp_path / "policies" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    return write


def findings(file):
    with pytest.raises(PolicyError) as caught:
        load(file, CATALOGUE)
    assert caught.value.exit_code == 2
    return [(found.line, found.rule, found.path, found.message, found.remedy) for found in caught.value.findings]


def changed(old, new):
    assert old in GOOD
    return GOOD.replace(old, new)


def test_a_good_policy_comes_with_its_parameters_and_lines(policy):
    loaded = load(policy(), CATALOGUE)
    assert loaded.policy.dataset == "example"
    assert loaded.params["balance", 0].k_neighbors == 3
    assert loaded.line_of(("steps", 0, "transforms", 0, "params")) == 11
    assert loaded.suite is None


def test_every_fault_is_reported_in_one_error_with_its_line(policy):
    text = """\
dataset: Bad Name
modality: tabular
source: {uri: 5, fromat: csv}
seed: -1
labl: target
steps:
  - name: a
    transforms:
      - use: tabular.smot
      - use: tabular.smote
        params: {k_neighbors: 0, neighbours: 3}
        probability: 2
    amount: {copies: 1, to_share: 0.5}
checks: {label_consistency: {on_failure: drp}}
schedule: {cron: "0 3 * *"}
expectations: nowhere
"""
    found = [(line, rule, path) for line, rule, path, _, _ in findings(policy(text))]
    assert found == [
        (1, "AUG004", "dataset"),
        (3, "AUG003", "source.fromat"),
        (3, "AUG004", "source.uri"),
        (4, "AUG004", "seed"),
        (5, "AUG003", "labl"),
        (9, "AUG005", "steps.0.transforms.0.use"),
        (11, "AUG006", "steps.0.transforms.1.params.k_neighbors"),
        (11, "AUG006", "steps.0.transforms.1.params.neighbours"),
        (12, "AUG004", "steps.0.transforms.1.probability"),
        (13, "AUG004", "steps.0.amount"),
        (14, "AUG004", "checks.label_consistency.on_failure"),
        (15, "AUG004", "schedule.cron"),
        (16, "AUG009", "expectations"),
    ]


def test_a_finding_says_what_was_received_and_suggests_near_misses(policy):
    (_, _, _, message, remedy), *_ = findings(policy(changed("label: target", "lable: target")))
    assert message == "unknown key 'lable'."
    assert remedy == "Did you mean label?"
    found = findings(policy(changed("tabular.smote", "tabular.smotee")))
    assert found[0][3] == "There is no transform called tabular.smotee."
    assert "tabular.smote" in found[0][4]
    found = findings(policy(changed("k_neighbors: 3", "k_neighbours: 3")))
    assert found == [(11, "AUG006", "steps.0.transforms.0.params.k_neighbours", "unknown key 'k_neighbours'.",
                      "Did you mean k_neighbors?")]  # fmt: skip
    found = findings(policy(GOOD + "seed: '7'\n"))
    assert found[0][3] == 'must be a whole number; received "7".'


def test_alternatives_of_one_value_are_one_finding(policy):
    found = findings(policy(changed("uri: rows.csv", "uri: [1]")))
    assert [(line, path) for line, _, path, _, _ in found] == [(4, "source.uri")]
    assert "must be text or must be a map" in found[0][3]


def test_unquoted_yes_is_a_label_and_not_a_boolean(policy):
    loaded = load(policy(GOOD + "    only: [yes, no, true, 1]\n"), CATALOGUE)
    assert loaded.policy.steps[0].only == ("yes", "no", True, 1)
    found = findings(policy(changed("balance: true", "balance: yes")))
    assert found[0][4] == "Write true or false, without quotes."


def test_a_missing_key_is_named(policy):
    found = findings(policy(changed("dataset: example\n", "")))
    assert [(rule, path, message) for _, rule, path, message, _ in found] == [
        ("AUG004", "dataset", "the key 'dataset' is missing.")
    ]


def test_planned_modalities_and_unknown_treatments_are_refused(policy):
    found = findings(policy(changed("modality: tabular", "modality: audio")))
    assert (2, "AUG007", "modality") in [entry[:3] for entry in found]
    found = findings(policy(changed("uri: rows.csv", "uri: rows.csv\n  pii: {name: encrypt}")))
    assert [entry[:3] for entry in found] == [(5, "AUG004", "source.pii.name")]


def test_empty_gates_ask_for_nothing(policy):
    assert load(policy(GOOD + "gates: {}\nschedule: null\n"), CATALOGUE).policy.dataset == "example"


def test_names_from_elsewhere_are_checked(policy):
    assert findings(policy(changed("modality: tabular", "modality: tabluar")))[0][1:3] == ("AUG009", "modality")
    found = findings(policy(changed("uri: rows.csv", "uri: rows.csv\n  format: cvs")))
    assert found[0][1:] == ("AUG009", "source.format", "there is no format called 'cvs'.", "Did you mean csv?")
    found = findings(policy(GOOD + "checks: {custom: [expect_nothing]}\n"))
    assert found[0][1:3] == ("AUG009", "checks.custom.0")
    found = findings(policy(changed("tabular.smote", "image.rotate").replace("{k_neighbors: 3}", "{}")))
    assert found[0][1] == "AUG005"
    assert "works on image data, the policy is tabular" in found[0][3]


def test_a_suite_beside_the_policy_wins_over_one_that_comes_along(policy):
    file = policy(GOOD + "expectations: wine\n")
    assert load(file, CATALOGUE).suite == Path("expectations/wine.yaml").absolute()
    beside = file.parent.parent / "expectations" / "wine.yaml"
    beside.parent.mkdir()
    beside.write_text("name: wine\n")
    assert load(file, CATALOGUE).suite == beside


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "holds no policy"),
        (b"# only a comment\n", "holds no policy"),
        (b"- a\n- b\n", "A policy is a map"),
        (b"dataset: caf\xe9\n", "not UTF-8"),
        (b"a: " + b"x" * 2**20, "larger than 1 MiB"),
        ("dataset: x\n".encode("utf-16"), "not UTF-8"),
    ],
)
def test_a_file_that_is_no_policy_is_one_fault(policy, content, why):
    ((_, rule, _, message, remedy),) = findings(policy(content))
    assert rule == "AUG001"
    assert why in message
    assert remedy


def test_a_missing_file_a_folder_and_a_locked_file_are_one_fault(policy, tmp_path):
    policy()
    ((_, rule, _, message, remedy),) = findings(tmp_path / "policies" / "exmple.yaml")
    assert (rule, remedy) == ("AUG001", "Did you mean example.yaml?")
    assert "no such file" in message
    assert "is a folder" in findings(tmp_path)[0][3]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(policy):
    loaded = load(policy(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()), CATALOGUE)
    assert loaded.line_of(("label",)) == 5


def test_yaml_faults_and_schema_faults_come_together(policy):
    found = findings(policy(GOOD + "owner: !!python/object:os.x 1\nsede: 1\n"))
    assert [entry[:2] for entry in found] == [(13, "AUG002"), (13, "AUG004"), (14, "AUG003")]


def test_sources_are_resolved_beside_the_policy(policy):
    loaded = load(policy(), CATALOGUE)
    assert loaded.resolve("../data/rows.csv") == str(loaded.path.parent / "../data/rows.csv")
    assert loaded.resolve("s3://bucket/rows.csv") == "s3://bucket/rows.csv"
    assert loaded.resolve("builtin:digits") == "builtin:digits"
    assert loaded.resolve("/data/rows.csv") == "/data/rows.csv"


def test_the_content_hash_knows_what_decides_the_rows(policy):
    def hash_of(text):
        return load(policy(text), CATALOGUE).content_hash

    base = hash_of(GOOD)
    same = [
        "# a comment\n" + GOOD,
        GOOD + "owner: me\ndescription: other words\npublish: {channel: stable}\n",
        GOOD + "schedule: {cron: '0 3 * * *', timezone: Asia/Tokyo, overlap: skip, runner: thread, tags: [daily]}\n",
        GOOD + "seed: 0\n",
        GOOD + "split: {}\n",
        GOOD + "split: {salt: '', column: null}\n",
        GOOD + "split: {fractions: {test: 0.15, train: 0.7, validation: 0.15}}\n",
        changed("Between two neighbours lies one of the same class.", "Another reason for the same thing."),
        changed("dataset: example\nmodality: tabular\n", "modality: tabular\ndataset: example\n"),
    ]
    assert [hash_of(text) for text in same] == [base] * len(same)
    other = [
        GOOD + "seed: 1\n",
        changed("k_neighbors: 3", "k_neighbors: 4"),
        changed("balance: true", "copies: 1"),
        changed("rows.csv", "other.csv"),
        GOOD + "checks: {label_consistency: {alpha: 0.02}}\n",
        GOOD + "ignore: [a]\n",
    ]
    assert len({base, *(hash_of(text) for text in other)}) == len(other) + 1


def test_an_alpha_at_which_no_class_would_be_judged_is_refused(policy):
    with pytest.raises(PolicyError) as caught:
        load(policy(GOOD + "checks: {label_consistency: {alpha: 0.0501}}\n"), CATALOGUE)
    assert "no class would be judged at an alpha above 0.05" in str(caught.value)
    kept = load(policy(GOOD + "checks: {label_consistency: {alpha: 0.05}}\n"), CATALOGUE).policy.checks
    assert kept.label_consistency.alpha == MAX_ALPHA == MAX_REACHED_ALPHA


def test_a_parameter_at_its_default_is_the_same_as_none(policy):
    written = load(policy(changed("{k_neighbors: 3}", "{k_neighbors: 5}")), CATALOGUE)
    left_out = load(policy(changed("        params: {k_neighbors: 3}\n", "")), CATALOGUE)
    assert written.content_hash == left_out.content_hash
    assert written.file_hash != left_out.file_hash


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("amount:", "only: [{a: 1}]\n    amount:", "steps.0.only.0"),
        ("amount:", "only: []\n    amount:", "steps.0.only"),
        ("amount:", "only: [2.5, 3]\n    amount:", "steps.0.only.0"),
        ("      - use: tabular.smote\n        invariance", "      - 7\n    description", "steps.0.transforms.0"),
    ],
)
def test_a_bad_item_is_one_fault_and_its_list_not_called_too_short_as_well(policy, old, new, path):
    text = changed(old, new)
    if "- 7" in text:
        text = text.partition("    description")[0] + "    amount: {balance: true}\n"
    (fault,) = findings(policy(text))
    assert fault[2] == path
    assert "after validation" not in fault[3]


def test_a_share_of_zero_is_the_same_as_none(policy):
    hashes = {
        load(policy(GOOD + f"split: {{fractions: {{train: 0.8, test: 0.2{more}}}}}\n"), CATALOGUE).content_hash
        for more in ("", ", validation: 0.0")
    }
    assert len(hashes) == 1


def test_fractions_are_those_of_the_grammar_unless_a_column_decides(policy):
    assert load(policy(GOOD + "split: {group: a}\n"), CATALOGUE).policy.split.fractions == DEFAULT_FRACTIONS
    assert load(policy(GOOD + "split: {column: part}\n"), CATALOGUE).policy.split.fractions is None
