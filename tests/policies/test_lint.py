import pytest

from augmill.policies.data_facts import DataFacts
from augmill.policies.errors import PolicyError
from augmill.policies.lint import explain, lint, rules
from augmill.policies.load import load
from augmill.tasks.transforms.catalogue import Catalogue

CATALOGUE = Catalogue()
FLIPPED = """\
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
        invariance: Somebody said that flips always help.
    amount: {copies: 1}
"""


def found(tmp_path, text, facts=None):
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    return lint(load(file, CATALOGUE), CATALOGUE, facts)


def codes(findings):
    return [(finding.line, finding.rule, finding.severity) for finding in findings]


def test_a_finding_points_at_the_line_of_the_transform(tmp_path):
    findings = found(tmp_path, FLIPPED)
    assert codes(findings) == [(11, "AUG201", "error")]
    assert str(findings[0]).startswith(f"{tmp_path}/policy.yaml:11: AUG201 image.vertical_flip swaps top and bottom")


def test_a_suppression_with_a_reason_silences_its_line(tmp_path):
    text = FLIPPED.replace("image.vertical_flip", "image.vertical_flip  # noqa: AUG201 only 0 and 8 are left")
    assert found(tmp_path, text) == []


def test_a_suppression_without_a_reason_silences_nothing(tmp_path):
    text = FLIPPED.replace("image.vertical_flip", "image.vertical_flip  # noqa: AUG201")
    assert codes(found(tmp_path, text)) == [(11, "AUG201", "error"), (11, "AUG500", "warning")]


def test_a_suppression_of_another_rule_or_line_silences_nothing(tmp_path):
    text = FLIPPED.replace("image.vertical_flip", "image.vertical_flip  # noqa: AUG202 a reason")
    assert (11, "AUG201", "error") in codes(found(tmp_path, text))
    text = "# noqa: AUG201 a reason\n" + FLIPPED
    assert (12, "AUG201", "error") in codes(found(tmp_path, text))


def test_a_suppression_of_nothing_is_told_when_every_rule_has_run(tmp_path):
    text = FLIPPED.replace("owner: readers", "owner: readers  # noqa: AUG502 it has one")
    assert "AUG500" not in [rule for _, rule, _ in codes(found(tmp_path, text))]
    assert (3, "AUG500", "warning") in codes(found(tmp_path, text, DataFacts()))


def test_several_codes_share_one_reason(tmp_path):
    text = FLIPPED.replace("image.vertical_flip", "image.vertical_flip  # noqa: AUG201, AUG101 a test")
    assert found(tmp_path, text) == []


@pytest.mark.parametrize(
    ("classes", "hit"), [(["6", "9"], True), (["left", "right"], True), (["cat", "dog"], False), (["0", "8"], False)]
)
def test_classes_of_the_data_betray_that_orientation_matters(tmp_path, classes, hit):
    text = FLIPPED.replace("dataset: digits", "dataset: things").replace("handwritten digits", "things")
    facts = DataFacts(counts={"train": dict.fromkeys(classes, 500)})
    assert found(tmp_path, text) == []
    assert ("AUG201" in [rule for _, rule, _ in codes(found(tmp_path, text, facts))]) is hit


def test_colour_rules_are_silent_on_grey_pictures(tmp_path):
    text = FLIPPED.replace("image.vertical_flip", "image.color_jitter").replace(
        "label: label", "label: label\nlabel_depends_on: [colour]"
    )
    assert [rule for _, rule, _ in codes(found(tmp_path, text))] == ["AUG202"]
    assert found(tmp_path, text, DataFacts(colour=False)) == []


def test_a_plan_that_makes_a_hundredfold_is_an_error(tmp_path):
    facts = DataFacts(counts={"train": {"0": 1000, "1": 200}}, planned={"mirrored": {"0": 0, "1": 20200}})
    findings = [finding for finding in found(tmp_path, FLIPPED, facts) if finding.rule == "AUG304"]
    assert codes(findings) == [(13, "AUG304", "error")]
    assert "20,200 children of 200 real rows" in findings[0].message


def test_a_rule_on_amounts_spares_classes_that_the_plan_leaves_alone(tmp_path):
    text = FLIPPED.replace("image.vertical_flip", "tabular.smote").replace("modality: image", "modality: tabular")
    counts = {"train": {"common": 500, "rare": 4}}
    assert "AUG302" in [rule for _, rule, _ in codes(found(tmp_path, text, DataFacts(counts=counts)))]
    facts = DataFacts(counts=counts, planned={"mirrored": {"common": 10, "rare": 0}})
    assert "AUG302" not in [rule for _, rule, _ in codes(found(tmp_path, text, facts))]


def test_explain_prints_why_and_how_to_mend():
    text = explain("aug301")
    assert text.startswith("AUG301: SMOTE or its kin")
    assert "Why:" in text
    assert "distribution per class" in text
    with pytest.raises(PolicyError, match=r"There is no rule AUG999"):
        explain("AUG999")


def test_rules_are_found_by_their_names():
    assert {"AUG101", "AUG201", "AUG202", "AUG301", "AUG302", "AUG304", "AUG401", "AUG402", "AUG501"} <= set(rules())


@pytest.mark.parametrize(
    ("classes", "rows", "hit"),
    [
        ([f"{number / 7:.3f}" for number in range(400)], 1, True),
        ([f"{number / 10:g}" for number in range(60)], 300, True),
        ([str(number) for number in range(214)], 2, True),
        ([str(number) for number in range(-30, 900)], 4, True),
        ([str(number) for number in range(100)], 8, False),
        ([str(number) for number in range(200)], 50, False),
        ([f"{number / 2:g}" for number in range(1, 11)], 2, False),
        ([str(number) for number in range(40)], 1, False),
        ([f"person {number}" for number in range(500)], 2, False),
        ([*(str(number) for number in range(400)), "nan"], 2, False),
    ],
)
def test_a_label_of_many_numbers_is_a_quantity_unless_they_are_classes_with_rows(tmp_path, classes, rows, hit):
    facts = DataFacts(counts={"train": dict.fromkeys(classes, rows), "test": {classes[0]: 1}})
    findings = [one for one in found(tmp_path, FLIPPED, facts) if one.rule == "AUG205"]
    assert codes(findings) == ([(6, "AUG205", "error")] if hit else [])
    for finding in findings:
        assert f"'label' holds {len(classes):,} different numbers" in finding.message
        assert "pandas.cut" in finding.remedy


def test_without_a_label_no_rule_speaks_of_a_class(tmp_path):
    text = FLIPPED.replace("label: label\n", "").replace("image.vertical_flip", "image.gaussian_noise")
    facts = DataFacts(counts={"train": {"": 8}}, planned={"mirrored": {"": 200}})
    findings = found(tmp_path, text, facts)
    assert [finding.rule for finding in findings] == ["AUG304"]
    assert "the dataset would have 200 children of 8 real rows" in findings[0].message


@pytest.mark.parametrize(
    ("rows", "told", "remedy"),
    [
        (28, "judging its labels at alpha 0.01 takes 99", "Set checks.label_consistency.alpha to 0.035 or more."),
        (19, "judging its labels at alpha 0.01 takes 99", "Set checks.label_consistency.alpha to 0.05 or more."),
        (18, "under 19 its labels cannot be judged at any alpha", "Gather rows, or set"),
        (5, "under 19 its labels cannot be judged at any alpha", "Gather rows, or set"),
    ],
)
def test_a_larger_alpha_is_advised_only_where_one_judges(tmp_path, rows, told, remedy):
    findings = found(tmp_path, FLIPPED, DataFacts(counts={"train": {"x": 500, "y": rows}}))
    few = next(finding for finding in findings if finding.rule == "AUG307")
    assert told in few.message
    assert few.remedy.startswith(remedy)
    if rows >= 19:
        advised = few.remedy.split()[3]
        mended = found(
            tmp_path,
            f"{FLIPPED}checks: {{label_consistency: {{alpha: {advised}}}}}\n",
            DataFacts(counts={"train": {"x": 500, "y": rows}}),
        )
        assert "AUG307" not in [finding.rule for finding in mended]


@pytest.mark.parametrize(("chances", "told"), [((0.5,), True), ((0.99,), True), ((1.0,), False), ((0.2, 0.2), False)])
def test_a_probability_is_idle_only_where_the_transform_stands_alone(tmp_path, chances, told):
    uses = "".join(
        "      - use: image.gaussian_noise\n        invariance: Within the precision of the sensor.\n"
        f"        probability: {chance}\n"
        for chance in chances
    )
    head, rest = FLIPPED.split("      - use")
    findings = found(tmp_path, head + uses + "    amount" + rest.split("    amount")[1])
    idle = [finding for finding in findings if finding.rule == "AUG108"]
    assert len(idle) == told
    for finding in idle:
        assert finding.line == 13
        assert "does nothing" in finding.message
        assert "copies of" not in explain("AUG108")


def test_of_many_findings_alike_at_one_place_the_first_are_told_and_the_rest_counted(tmp_path):
    classes = [f"species {number}" for number in range(1000)]
    findings = found(tmp_path, FLIPPED, DataFacts(counts={"train": dict.fromkeys(classes, 1)}))
    few = [finding for finding in findings if finding.rule == "AUG307"]
    assert len(few) == 6
    assert "class species 0 has 1 training row;" in min(finding.message for finding in few)
    assert "the same is true of 995 more, which are not listed." in [finding.message for finding in few]
