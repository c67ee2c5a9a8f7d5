import re

import pytest

from augmill.policies.errors import PolicyError, StorageError
from augmill.tasks.review.repository import Repository


def of(git):
    return Repository.around(git.root)


def test_a_change_is_what_differs_from_where_the_branch_left(git):
    git.write("a", "1")
    left = git.commit()
    git("checkout", "--quiet", "-b", "work")
    git.write("b", "1")
    head = git.commit()
    git("checkout", "--quiet", "main")
    git.write("a", "changed on main")
    git.commit()
    git("checkout", "--quiet", "work")
    change = of(git).change("main")
    assert (change.base, change.head, change.files) == (left, head, {"b"})
    assert change.open_files == frozenset()


def test_what_is_not_committed_counts_and_is_told(git):
    git.write(".gitignore", "ignored\n")
    for name in ("edited", "staged", "gone", "same"):
        git.write(name, "1")
    git.commit()
    git.write("edited", "2")
    git.write("staged", "2")
    git("add", "staged")
    (git.root / "gone").unlink()
    git.write("ignored", "1")
    git.write("new ü", "1")
    change = of(git).change("HEAD")
    assert change.files == change.open_files == {"edited", "staged", "gone", "new ü"}


def test_a_file_that_is_again_as_it_was_is_no_change(git):
    git.write("a", "1")
    base = git.commit()
    git.write("a", "2")
    git.commit()
    git.write("a", "1")
    change = of(git).change(base)
    assert (change.files, change.open_files) == (frozenset(), {"a"})


def test_before_the_first_commit_of_a_branch_there_was_nothing(git):
    git.write("a/b.yaml", "1")
    git.commit()
    with pytest.raises(PolicyError, match="names no commit"):
        of(git).change("000")
    change = of(git).change("0" * 40)
    assert change.files == {"a/b.yaml"}
    assert of(git).text(change.base, "a/b.yaml") is None
    assert of(git).paths(change.base, "a") == frozenset()


def test_text_and_paths_are_those_of_the_commit(git):
    git.write("a/b.yaml", "old")
    git.write("c", "1")
    base = git.commit()
    git.write("a/b.yaml", "new")
    found = of(git)
    assert found.text(base, "a/b.yaml") == b"old"
    assert found.text(base, "a/none") is None
    assert found.paths(base, "a") == {"a/b.yaml"}
    assert found.paths(base, "") == {"a/b.yaml", "c"}


@pytest.mark.parametrize("rev", ["nowhere", "-x", "--output=/tmp/x", "", "HEAD:a", "main..work"])
def test_a_revision_that_is_no_commit_is_refused_by_name(git, rev):
    git.write("a", "1")
    git.commit()
    with pytest.raises(PolicyError, match=re.escape(f"--base {rev!r} names no commit")):
        of(git).change(rev)


def test_histories_without_a_common_commit_are_refused(git):
    git.write("a", "1")
    git.commit()
    git("checkout", "--quiet", "--orphan", "other")
    git.write("b", "1")
    git.commit()
    with pytest.raises(PolicyError, match="no common ancestor"):
        of(git).change("main")


def test_a_shallow_clone_is_told_to_fetch_more(git, tmp_path):
    git.write("a", "1")
    first = git.commit()
    git.write("a", "2")
    git.commit()
    git("clone", "--quiet", "--depth", "1", f"file://{git.root}", str(tmp_path / "shallow"))
    with pytest.raises(PolicyError) as caught:
        Repository.around(tmp_path / "shallow").change(first)
    assert "fetch-depth: 0" in caught.value.remedy


def test_outside_of_a_repository_and_before_any_commit(git, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(PolicyError, match="in no git work tree"):
        Repository.around(tmp_path / "elsewhere")
    with pytest.raises(PolicyError, match="no commit yet"):
        of(git).change("HEAD")


def test_without_git_it_says_so(git, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(StorageError, match="git is not installed"):
        of(git)


def test_paths_outside_have_no_name_and_links_do_not_hide_what_is_inside(git, tmp_path):
    git.write("a", "1")
    (tmp_path / "link").symlink_to(git.root)
    assert of(git).relative(tmp_path / "link" / "a") == "a"
    assert of(git).relative(git.root / "not there" / "b") == "not there/b"
    assert of(git).relative(tmp_path / "other") is None
