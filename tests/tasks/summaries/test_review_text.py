import pytest

from augmill.tasks.summaries.policy_review_text import MOST_CLASSES
from augmill.tasks.summaries.review_text import MARKER, MOST_BYTES, headline, markdown, text

CHECK = {
    "name": "label_consistency_rate",
    "layer": "semantic",
    "success": True,
    "observed": 0.994,
    "target": ">= 0.99",
    "error": "",
    "on_failure": "fail",
    "doubt": None,
}


LINT = {"file": "p.yaml", "line": 3, "rule": "AUG1", "severity": "error", "message": "bad", "remedy": ""}


def plan(count=100, classes=2):
    real = {f"c{number}": 50 for number in range(classes)}
    return {
        "exit_code": 0,
        "current_version": None,
        "rows": {"before": {}, "after": {"train": {"real": real, "synthetic": {"c0": count}}, "test": {"real": real}}},
        "steps": [{"name": "one", "use": ["tabular.smote"], "planned": {"c0": count}}],
        "files": {"kept": 0, "added": 2, "removed": 0, "new_bytes": {"real": 1000, "children": 10 * count}},
        "work_bytes": 10,
        "cpu_seconds": {"ingest": 1.0, "augment": count / 100, "verify": 0.0},
        "changes": {"reasons": ["nothing is published yet"]},
    }


def canary(*checks, whole=True, **more):
    step = {"name": "one", "judged": 200, "contradicted": 4, "unfamiliar": 10, "dropped": 4}
    return {
        "sample": {"rows": 200, "of": 900, "whole": whole, "classes_left": 0},
        "stage": "publish",
        "checks": list(checks),
        "steps": [step],
        "rates": [{**step, "step": "one", "transform": "tabular.smote", "label": "c0"}],
        "verifier": {"accuracy": 0.9},
        "fault": None,
        "before": [],
        "exit_code": 0,
    } | more


def policy(name="digits", **more):
    return {
        "path": f"policies/{name}.yaml",
        "dataset": name,
        "kind": "changed",
        "because": ["the policy itself"],
        "notes": [],
        "lint": [],
        "faults": [],
        "policy_diff": "-a\n+b",
        "suite_diff": "",
        "plan": plan(),
        "base": {key: plan(50)[key] for key in ("rows", "steps", "files", "cpu_seconds", "exit_code")},
        "canary": canary(CHECK),
        "gates": [],
        "exit_code": 0,
    } | more


def document(*policies):
    return {
        "rev": "main",
        "base": "b" * 40,
        "head": "a" * 40,
        "uncommitted": 0,
        "policies_there": 50,
        "policies": list(policies),
        "exit_code": max((one["exit_code"] for one in policies), default=0),
        "seconds": 12.0,
    }


def test_a_comment_begins_with_its_mark_and_says_what_changes():
    shown = markdown(document(policy()))
    assert shown.startswith(
        f"{MARKER}\n\n### ✅ augmill: this change touches 1 policy of 50; a run of each would pass.\n"
    )
    assert "| ✅ | digits | the policy itself | 150 → 200 | 99.4% | 1.5 kB → 2.0 kB | 0.5 s → 1.0 s |" in shown
    assert "| c0 | 50 | 50 -&gt; 100 | 100 -&gt; 150 |".replace("-&gt;", "->") in shown
    assert "| one | tabular.smote | 100 | 50 |" in shown
    assert "| one | 200 | 98.0% | 5.0% | 4 |" in shown
    assert "```diff\n-a\n+b\n```" in shown


def test_a_sample_says_between_what_it_may_lie_and_what_it_cannot_say():
    doubted = {**CHECK, "success": False, "observed": 0.97, "doubt": "on so few rows it may be 0.94 to 0.99"}
    shown = markdown(document(policy(canary=canary(doubted, whole=False))))
    assert "a sample of 200 of 900 rows" in shown
    assert "98.0% (95.0% to 99.2%)" in shown
    assert "no failure, on so few rows" in shown
    assert "would pass, with remarks" in shown


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        (
            {"canary": canary({**CHECK, "success": False, "observed": 0.5})},
            3,
            "label consistency rate: 0.5, wanted >= 0.99",
        ),
        (
            {"faults": [{"kind": "StorageError", "cause": "no bucket.", "remedy": "Make it."}]},
            4,
            "no bucket. Remedy: Make it.",
        ),
        (
            {"canary": canary(stage="augment", fault={"cause": "odd", "remedy": "-", "sample_too_small": False})},
            3,
            "the canary ended in augment: odd",
        ),
        (
            {
                "lint": [
                    {"file": "p.yaml", "line": 3, "rule": "AUG1", "severity": "error", "message": "bad", "remedy": ""}
                ],
                "plan": None,
                "canary": None,
            },
            2,
            "p.yaml:3: AUG1 error: bad",
        ),
        (
            {"gates": [{**CHECK, "name": "rows_budget", "success": False, "observed": 9, "target": "<= 5"}]},
            3,
            "rows budget: 9, wanted",
        ),
    ],
)
def test_whatever_ends_a_run_stands_first(more, code, words):
    shown = text(document(policy("fine"), policy("wrong", exit_code=code, **more)))
    assert words in shown
    first = markdown(document(policy("fine"), policy("wrong", exit_code=code, **more)))
    assert first.index("#### ❌ wrong") < first.index("#### ✅ fine")
    assert "1 would not pass or cannot be judged" in headline(document(policy("wrong", exit_code=code, **more)))


def test_a_comment_is_never_longer_than_one_may_be_and_says_what_it_leaves_out():
    long = policy(policy_diff="\n".join(f"+{'x' * 200}" for _ in range(500)))
    many = [policy(f"p{number}", **{"policy_diff": long["policy_diff"]}) for number in range(300)]
    many.append(policy("last", exit_code=3, faults=[{"kind": "DataError", "cause": "bad rows", "remedy": "-"}]))
    shown = markdown(document(*many))
    assert len(shown.encode()) <= MOST_BYTES + 500
    assert "bad rows" in shown
    assert "and 261 more" in shown
    assert "policies more have no room here" in shown


def test_of_very_many_classes_only_those_that_change_are_listed():
    shown = text(document(policy(plan=plan(classes=200))))
    part = shown[shown.index("Training rows") : shown.index("New rows")]
    assert len(part.splitlines()) <= MOST_CLASSES + 5


def test_what_comes_from_a_policy_cannot_break_out_of_the_comment():
    shown = markdown(document(policy(because=["</details><script>alert(1)</script> | `x`"], notes=["<!-- no -->"])))
    assert "<script>" not in shown
    shown = markdown(document(policy(notes=["wine@3: class @octocat of #12 is ~~gone~~ \x1b[31m\u202eevil\udce9"])))
    assert "wine@3" in shown
    assert "@octocat" not in shown
    assert "#12" not in shown
    assert "~~" not in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "<!-- no" not in shown


def test_nothing_touched_is_said_in_two_lines():
    shown = markdown(document())
    assert "touches no policy of 50" in shown
    assert len(shown.splitlines()) < 8
