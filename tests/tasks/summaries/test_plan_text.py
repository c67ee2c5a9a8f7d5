"""What a plan looks like on a terminal and in a pull request."""

import copy

import pytest

from augmill.tasks.summaries.plan_text import MAX_LINES, headline, markdown, text

DOCUMENT = {
    "dataset": "oil-spill",
    "current_version": 3,
    "next_version": 4,
    "up_to_date": False,
    "unrecorded": False,
    "exit_code": 0,
    "faults": [],
    "lint": [
        {
            "file": "oil.yaml",
            "line": 14,
            "rule": "AUG301",
            "severity": "warning",
            "message": "class 1 is 0.40% of the rows.",
            "remedy": "Gather more.",
        }
    ],
    "changes": {
        "reasons": ["raw objects added: may.csv"],
        "policy_diff": "--- oil-spill@3\n+++ oil.yaml\n-seed: 0\n+seed: 1",
        "suite_diff": "",
    },
    "rows": {
        "before": {"train": {"real": {"0": 600, "1": 29}, "synthetic": {"1": 180}}, "test": {"real": {"0": 130}}},
        "after": {"train": {"real": {"0": 1600, "1": 29}, "synthetic": {"1": 500}}, "test": {"real": {"0": 130}}},
    },
    "steps": [{"name": "balance", "use": ["tabular.smote", "tabular.gaussian_noise"], "planned": {"1": 500}}],
    "reuse": {
        "raw": {"new": {"shards": 1, "rows": 1000, "names": ["x"]}, "reused": {"shards": 3, "rows": 760}},
    },
    "files": {"kept": 4, "added": 2, "removed": 1, "new_bytes": {"real": 120_000, "children": 60_000}},
    "work_bytes": 400_000,
    "cpu_seconds": {"ingest": 1.25, "augment": 2.0},
    "quarantine": {
        "of": 1762,
        "rows": 3,
        "share": 3 / 1762,
        "budget": 0.01,
        "reasons": {"its label is missing": 2},
        "refused": {"its key is not unique": 1},
    },
    "columns": [
        {"column": "angle", "change": "appeared", "before": "", "now": "float64", "says": "allowed by the suite"},
        {"column": "s", "change": "missing", "before": "", "now": "bool", "says": "refused", "files": list("abcde")},
        {"column": "f|1", "change": "changed", "before": "int64", "now": "string", "says": "stays as it was"},
    ],
}


def lines(document=DOCUMENT):
    return [" ".join(line.split()) for line in text(document).splitlines()]


def test_the_first_line_is_the_outcome():
    assert lines()[0] == "oil-spill: a run would publish oil-spill@4, after oil-spill@3."


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"current_version": None, "next_version": 0}, "oil-spill: a run would publish oil-spill@0."),
        ({"up_to_date": True}, "oil-spill@3 is up to date: a run would do nothing."),
        (
            {"up_to_date": True, "unrecorded": True},
            "oil-spill@3 is up to date: a run would only send the record of this version.",
        ),
        ({"next_version": None}, "oil-spill@3 holds these rows already: a run would publish nothing."),
        ({"faults": [{"cause": "x", "remedy": "y"}]}, "oil-spill: a run would end without publishing anything."),
        (
            {"lint": [{**DOCUMENT["lint"][0], "severity": "error"}]},
            "oil-spill: a run would be refused, lint finds 1 error.",
        ),
    ],
)
def test_every_outcome_has_its_sentence(changed, said):
    assert headline(DOCUMENT | changed) == said


def test_rows_stand_per_split_class_and_origin_now_and_then():
    shown = lines()
    assert "Rows, before checks drop any: now -> then" in shown
    assert "split class real synthetic all" in shown
    assert "train 0 600 -> 1,600 0 600 -> 1,600" in shown
    assert "train 1 29 180 -> 500 209 -> 529" in shown
    assert "train all 629 -> 1,629 180 -> 500 809 -> 2,129" in shown
    assert "test 0 130 0 130" in shown


def test_of_many_classes_only_the_sums_are_shown():
    document = copy.deepcopy(DOCUMENT)
    document["rows"]["after"]["train"]["real"] = {str(number): 2 for number in range(MAX_LINES)}
    shown = lines(document)
    assert "train all 629 -> 120 180 -> 500 809 -> 620" in shown
    assert not any(line.startswith("train 7 ") for line in shown)
    assert "sums of many classes; --json has every class" in shown


def test_what_it_costs_and_what_is_reused_is_said():
    shown = lines()
    assert "balance tabular.smote + tabular.gaussian_noise 500" in shown
    assert "raw 1 1,000 3 760" in shown
    assert any(line.startswith("new in the table: about 180.0 kB (real rows 120.0 kB,") for line in shown)
    assert "files of the version: 4 kept by reference, 2 added, 1 removed" in shown
    assert any(line.endswith("about 3.2 s (ingest 1.2, augment 2.0)") for line in shown)


def test_columns_quarantine_findings_and_differences_are_named():
    shown = lines()
    assert "angle appeared float64 allowed by the suite" in shown
    assert "s missing from a, b, c and 2 more bool refused" in shown
    assert "f|1 changed int64 -> string stays as it was" in shown
    assert "Quarantine: 3 of 1,762 rows (0.17%; up to 1.00% may be)" in shown
    assert "its label is missing 2" in shown
    assert "its key is not unique 1" in shown
    assert "oil.yaml:14: AUG301 warning: class 1 is 0.40% of the rows. Gather more." in shown
    assert "+seed: 1" in shown


def test_an_up_to_date_plan_is_short():
    document = {key: DOCUMENT[key] for key in ("dataset", "current_version", "exit_code", "faults")}
    document |= {"up_to_date": True, "unrecorded": False, "next_version": None, "lint": []}
    document |= {"changes": {"reasons": []}, "rows": dict.fromkeys(("before", "after"), DOCUMENT["rows"]["before"])}
    assert [line for line in lines(document) if line][:2] == [
        "oil-spill@3 is up to date: a run would do nothing.",
        "Rows",
    ]
    assert "->" not in text(document)


def test_markdown_has_tables_folds_what_is_long_and_escapes_what_is_not_ours():
    shown = markdown(DOCUMENT)
    assert shown.startswith("### :white_check_mark: oil-spill: a run would publish")
    assert "| train | 1 | 29 | 180 -> 500 | 209 -> 529 |" in shown
    assert "| --- | --- | ---: | ---: | ---: |" in shown
    assert "f\\|1" in shown
    assert "<details><summary>Policy</summary>\n\n```diff\n--- oil-spill@3" in shown
    assert shown.count("<details>") == shown.count("</details>") == 2
    assert markdown(DOCUMENT | {"exit_code": 3}).startswith("### :x:")
    label = DOCUMENT | {"dataset": "<b>`x`</b>"}
    assert "&lt;b>\\`x\\`&lt;/b>" in markdown(label)
    assert "<b>" not in markdown(label)


def test_a_long_diff_is_cut_and_says_so():
    document = copy.deepcopy(DOCUMENT)
    document["changes"]["policy_diff"] = "\n".join(f"+line {number}" for number in range(1000))
    assert "... 700 more lines" in lines(document)
    assert len(markdown(document)) < 60_000


def test_classes_that_are_numbers_stand_in_the_order_of_numbers():
    rows = {"train": {"real": {"10": 1, "9": 1}}}
    told = [line.split()[1] for line in lines(DOCUMENT | {"rows": {"before": {}, "after": rows}}) if "train " in line]
    assert told[:3] == ["9", "10", "all"]


def test_the_gates_that_a_run_will_judge_are_named_and_not_judged():
    found = lines({**DOCUMENT, "gates": ["model_delta", "budgets"]})
    at = found.index("Gates, which a run judges before it publishes")
    assert found[at + 1] == "model delta, budgets"
