import shutil
from pathlib import Path

import pytest

from augmill.policies.errors import PolicyError
from augmill.tasks.review.imports import ROOT
from augmill.tasks.review.repository import Change, Repository
from augmill.tasks.review.touched import find
from tests.fixtures_git import repository

POLICY = """
dataset: {name}
modality: {modality}
source: {{uri: rows.csv}}
label: kind
expectations: {suite}
steps:
  - name: one
    transforms: [{{use: {use}}}]
    amount: {{copies: 1}}
"""
USES = {
    "smote": "tabular.smote",
    "noise": "tabular.gaussian_noise",
    "own": "tabular.halve",
    "pose": "image.affine",
}
EVERY = {f"policies/{name}.yaml" for name in USES}
TABLES = EVERY - {"policies/pose.yaml"}


def text(name, use, suite="plain", **more):
    modality = use.partition(".")[0]
    added = "".join(f"{key}: {value}\n" for key, value in more.items())
    return POLICY.format(name=name, modality=modality, use=use, suite=suite) + added


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A repository with a copy of our packages, four policies, a suite and a plug-in folder."""
    git = repository(tmp_path_factory.mktemp("project"))
    for package in ("flows", "tasks", "expectations", "policies"):
        shutil.copytree(ROOT / package, git.root / package, ignore=shutil.ignore_patterns("__pycache__", "*.yaml"))
    git.write("README.md", "words")
    git.write("expectations/plain.yaml", "name: plain\n")
    for name, use in USES.items():
        git.write(f"policies/{name}.yaml", text(name, use))
    git.write("plugins/transforms/tabular/halve.py", "from . import _half\n")
    git.write("plugins/transforms/tabular/_half.py", "")
    git.write("plugins/expectations/expect_narrow.py", "")
    git.commit()
    return git


@pytest.fixture
def look(project):
    """What is touched by the files as they lie here; afterwards they lie as they did."""

    def asked(*places):
        found = Repository.around(project.root)
        where = [project.root / place for place in places or ["policies"]]
        plugins = project.root / "plugins"
        return {one.path: one for one in find(found, found.change("HEAD"), where, plugins, project.root).touched}

    yield asked
    project("reset", "--quiet", "--hard")
    project("clean", "--quiet", "-d", "--force")


@pytest.mark.parametrize(
    ("file", "touched"),
    [
        ("README.md", set()),
        ("tests/anything.py", set()),
        ("tasks/dry_runs/plan.py", set()),
        ("flows/cli.py", set()),
        ("tasks/transforms/tabular/smote.py", {"policies/smote.yaml"}),
        ("tasks/transforms/tabular/_neighbours.py", {"policies/smote.yaml"}),
        ("tasks/transforms/tabular/adasyn.py", set()),
        ("tasks/transforms/table.py", TABLES),
        ("tasks/transforms/image/_albumentations.py", {"policies/pose.yaml"}),
        ("tasks/modalities/_image_codec.py", {"policies/pose.yaml"}),
        ("tasks/modalities/tabular.py", TABLES),
        ("expectations/labels.py", EVERY),
        ("expectations/plain.yaml", EVERY),
        ("tasks/verifiers/kernel_ridge.py", EVERY),
        ("tasks/gates/collapse.py", EVERY),
        ("tasks/gates/privacy.py", set()),
        ("plugins/transforms/tabular/halve.py", {"policies/own.yaml"}),
        ("plugins/transforms/tabular/_half.py", {"policies/own.yaml"}),
        ("plugins/expectations/expect_narrow.py", set()),
    ],
)
def test_a_change_touches_those_who_use_the_file(project, file, touched):
    repository, plugins = Repository.around(project.root), project.root / "plugins"
    change = Change("HEAD", "HEAD", frozenset({file}), frozenset())
    found = find(repository, change, [project.root / "policies"], plugins, project.root)
    assert {one.path for one in found.touched} == touched


@pytest.mark.parametrize(
    ("file", "touched"),
    [
        ("tasks/transforms/tabular/smote.py", {"policies/smote.yaml"}),
        ("plugins/transforms/tabular/_half.py", {"policies/own.yaml"}),
        ("expectations/plain.yaml", EVERY),
    ],
)
def test_so_does_deleting_it(look, project, file, touched):
    (project.root / file).unlink()
    assert look().keys() == touched


def test_checks_gates_and_verifiers_that_a_policy_names_are_its_own(look, project):
    checks = "{custom: [expect_narrow], label_consistency: {verifier: mine}}"
    project.write(
        "policies/noise.yaml", text("noise", USES["noise"], checks=checks, gates="{privacy: {}, collapse: null}")
    )
    project.write("plugins/expectations/expect_narrow.py", "# changed")
    project.write("plugins/verifiers/mine.py", "# new")
    project.write("tasks/gates/privacy.py", "# changed")
    project.write("tasks/gates/collapse.py", "# changed")
    because = look()["policies/noise.yaml"].because
    assert because == (
        "the policy itself",
        "check expect_narrow: plugins/expectations/expect_narrow.py",
        "verifier mine: plugins/verifiers/mine.py",
        "gate privacy: tasks/gates/privacy.py",
    )


def test_policies_come_and_go_and_are_compared_with_what_they_were(look, project):
    old = (project.root / "policies/smote.yaml").read_text()
    project.write("policies/smote.yaml", old + "seed: 3\n")
    project.write("policies/deep/new.yml", text("new", USES["noise"]))
    (project.root / "policies/own.yaml").unlink()
    found = look()
    assert {path: one.kind for path, one in found.items()} == {
        "policies/smote.yaml": "changed",
        "policies/deep/new.yml": "added",
        "policies/own.yaml": "deleted",
    }
    assert found["policies/smote.yaml"].before == old
    assert found["policies/smote.yaml"].suite_before == "name: plain\n"
    assert found["policies/deep/new.yml"].before is None
    assert found["policies/own.yaml"].dataset == "own"


def test_a_renamed_data_set_and_a_moved_file_are_told_apart(look, project):
    project.write("policies/smote.yaml", text("other", USES["smote"]))
    (project.root / "policies/noise.yaml").rename(project.root / "policies/moved.yaml")
    found = look()
    assert (found["policies/smote.yaml"].was, found["policies/smote.yaml"].dataset) == ("smote", "other")
    moved = found["policies/moved.yaml"]
    assert (moved.kind, moved.moved_from, moved.dataset) == ("changed", "policies/noise.yaml", "noise")
    assert found.keys() == {"policies/smote.yaml", "policies/moved.yaml"}


@pytest.mark.parametrize(
    "broken",
    ["", "[", "- a list", "dataset: [1]\nsteps: 3\nchecks: []\n", "\xff", "steps: [{transforms: [{use: ../../x}]}]"],
)
def test_a_policy_that_cannot_be_read_is_touched_and_no_more_is_asked_of_it(look, project, broken):
    (project.root / "policies/smote.yaml").write_bytes(broken.encode("latin-1"))
    project.write("tasks/transforms/tabular/gaussian_noise.py", "# changed")
    found = look()
    assert found.keys() == {"policies/smote.yaml", "policies/noise.yaml"}
    assert found["policies/smote.yaml"].dataset == "smote"


def test_only_the_policies_asked_for_are_looked_at(look, project):
    for name, use in USES.items():
        project.write(f"policies/{name}.yaml", text(name, use, seed=1))
    (project.root / "policies/own.yaml").unlink()
    assert look("policies/smote.yaml", "policies/own.yaml").keys() == {"policies/smote.yaml", "policies/own.yaml"}
    assert look(".").keys() == EVERY


def test_places_that_never_held_a_policy_or_lie_elsewhere_are_refused(look, tmp_path):
    with pytest.raises(PolicyError, match=r"there is no policy .*none\.yaml"):
        look("policies/none.yaml")
    with pytest.raises(PolicyError, match="outside of the repository"):
        look(Path(tmp_path))


def test_without_a_change_to_code_no_part_of_any_policy_is_looked_at(look, project, monkeypatch):
    project.write("policies/smote.yaml", text("smote", USES["smote"], seed=1))
    monkeypatch.setattr("augmill.tasks.review.touched.parts_of", None)
    assert look().keys() == {"policies/smote.yaml"}
