"""What lint says of a transform's `labels`."""

import pytest

from augmill.policies.data_facts import DataFacts
from augmill.policies.lint import lint
from augmill.policies.load import load
from augmill.tasks.transforms.catalogue import Catalogue

CATALOGUE = Catalogue()
POLICY = """\
dataset: digits
description: Read handwritten digits.
owner: readers
modality: image
source: {uri: "builtin:digits"}
label: label
expectations: digits
steps:
  - name: mirrored
    transforms:
      - use: image.vertical_flip
        invariance: Both look the same upside down.
        labels: LABELS
    amount: {copies: 1}
"""
FACTS = DataFacts(counts={"train": {"0": 200, "6": 200, "8": 200, "9": 200}})


def found(tmp_path, labels, facts=FACTS, **changes):
    text = POLICY.replace("LABELS", labels)
    for old, new in changes.items():
        text = text.replace(old, new)
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    findings = lint(load(file, CATALOGUE), CATALOGUE, facts)
    return [(finding.line, finding.rule, finding.severity) for finding in findings], " ".join(map(str, findings))


def test_a_flip_that_says_what_becomes_of_each_label_is_no_fault(tmp_path):
    settled = "{0: keep, 8: keep, 6: {remap: 9}, 9: {remap: 6}}"
    assert found(tmp_path, settled) == ([], "")
    assert found(tmp_path, "{0: keep, 8: keep, 6: forbid, 9: forbid}") == ([], "")
    # Before anyone has looked at the data, the labels that are left out are not known.
    assert found(tmp_path, settled, None) == ([], "")


def test_a_flip_that_leaves_labels_unsaid_is_a_fault_that_names_them(tmp_path):
    codes, text = found(tmp_path, "{6: forbid, 9: forbid}")
    assert codes == [(11, "AUG201", "error")]
    assert "nothing is said of the labels 0, 8" in text
    assert found(tmp_path, "{}")[0] == [(11, "AUG201", "error")]


def test_mirrored_classes_are_a_fault_until_both_are_settled(tmp_path):
    plain = {"digits": "shapes", "handwritten": "drawn", '"builtin:shapes"': '"builtin:digits"'}
    plain |= {"expectations: shapes": "expectations: digits"}
    codes, text = found(tmp_path, "{9: forbid}", **plain)
    assert codes == [(11, "AUG201", "error")]
    assert "6 and 9 are classes" in text
    assert found(tmp_path, "{6: forbid, 9: {remap: 6}}", **plain) == ([], "")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("{0: keep, 6: keep, 8: keep, 9: keep, 7: forbid}", "the data have no class '7'"),
        ("{0: keep, 6: {remap: 5}, 8: keep, 9: keep}", "the data have no class '5'"),
    ],
)
def test_labels_that_the_data_do_not_have_are_named(tmp_path, labels, words):
    codes, text = found(tmp_path, labels)
    assert codes == [(13, "AUG204", "error")]
    assert words in text


def test_a_step_whose_labels_are_all_forbidden_is_a_fault_and_one_of_them_is_told(tmp_path):
    all_of_it = "{0: forbid, 6: forbid, 8: forbid, 9: forbid}"
    assert found(tmp_path, all_of_it)[0] == [(10, "AUG206", "error")]
    some = {"copies: 1}": "copies: 1}\n    only: [6, 8]"}
    assert found(tmp_path, "{6: forbid, 8: keep}", **some)[0] == [(15, "AUG206", "warning")]
    assert found(tmp_path, "{6: forbid, 8: forbid}", None, **some)[0] == [(15, "AUG206", "error")]


def test_labels_without_a_label_column_are_a_fault(tmp_path):
    assert (13, "AUG207", "error") in found(tmp_path, "{6: forbid}", **{"label: label": "label: null"})[0]


def test_a_transform_that_mixes_labels_cannot_remap_one(tmp_path):
    mixed = {"image.vertical_flip": "image.mixup"}
    assert found(tmp_path, "{6: {remap: 9}}", **mixed)[0] == [(13, "AUG207", "error")]
    assert found(tmp_path, "{6: forbid}", **mixed) == ([], "")
