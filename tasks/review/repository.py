"""A git repository asked about a change: from the merge base of a revision and HEAD to the files as they lie here.

What lies here is what is linted, planned and tried, so changes that are not committed count; in CI there are none.
Nothing is written and nothing is fetched.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from augmill.policies.errors import PolicyError, StorageError

SECONDS = 60.0
_QUIET = ("--no-optional-locks", "-c", "core.quotepath=off", "-c", "core.fsmonitor=false")
_FETCH = "Fetch the whole history: `fetch-depth: 0` for actions/checkout, `GIT_DEPTH: 0` in GitLab, or"
_FETCH += " `git fetch --unshallow`."


@dataclass(frozen=True)
class Change:
    """What lies between two states: `base` is a commit, or the empty tree where there is nothing to compare with.

    `files` are paths from the root of the repository that were added, changed or deleted; `open_files` those of them
    that HEAD does not hold as they lie here.
    """

    base: str
    head: str
    files: frozenset[str]
    open_files: frozenset[str]


@dataclass(frozen=True)
class Repository:
    """A work tree."""

    root: Path

    @classmethod
    def around(cls, folder: Path) -> Repository:
        """The repository that a folder is in. Raises PolicyError where it is in none."""
        code, out, message = _git(folder, "rev-parse", "--show-toplevel")
        if code or not out.strip():
            raise PolicyError(
                f"{folder} is in no git work tree: {_last_line(message) or 'git names no top level'}.",
                "Run it in a checkout of the repository that holds the policies. If git doubts who owns it:"
                f" `git config --global --add safe.directory {folder}`.",
            )
        return cls(Path(out.rstrip("\n")))

    def change(self, rev: str) -> Change:
        """What differs from the merge base of `rev` and HEAD. Raises PolicyError where there is no such commit."""
        head = self._commit("HEAD")
        if head is None:
            raise PolicyError("the repository has no commit yet.", "Commit the policies first.")
        base = self._base(rev, head)
        new = self._names("ls-files", "-z", "--others", "--exclude-standard")
        return Change(base, head, self._differing(base) | new, self._differing("HEAD") | new)

    def text(self, commit: str, path: str) -> bytes | None:
        """What a file held at a commit; None where it did not exist."""
        code, out, _ = _git_bytes(self.root, "cat-file", "blob", f"{commit}:{path}")
        return None if code else out

    def paths(self, commit: str, folder: str) -> frozenset[str]:
        """The files below a folder at a commit."""
        return self._names("ls-tree", "-r", "-z", "--name-only", commit, "--", *([folder] if folder else []))

    def relative(self, file: Path) -> str | None:
        """A file's path from the root; None where it lies outside."""
        for place in (Path(os.path.normpath(file.absolute())), file.resolve()):
            for root in (self.root, self.root.resolve()):
                if place.is_relative_to(root):
                    return place.relative_to(root).as_posix()
        return None

    def _base(self, rev: str, head: str) -> str:
        if len(rev) >= 40 and set(rev) == {"0"}:  # what CI calls the commit before the first
            return _git_output(self.root, "hash-object", "-t", "tree", "/dev/null").strip()
        commit = None if rev.startswith("-") else self._commit(rev)
        if commit is None:
            raise PolicyError(f"--base {rev!r} names no commit here.", self._remedy("Name a branch, tag or commit."))
        code, out, _ = _git(self.root, "merge-base", commit, head)
        if code or not out.strip():
            remedy = "Name a commit that HEAD comes from, or one of the branch it left."
            raise PolicyError(f"--base {rev} and HEAD have no common ancestor here.", self._remedy(remedy))
        return out.split()[0]

    def _commit(self, rev: str) -> str | None:
        code, out, _ = _git(self.root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{rev}^{{commit}}")
        return None if code else out.strip()

    def _remedy(self, otherwise: str) -> str:
        shallow = _git_output(self.root, "rev-parse", "--is-shallow-repository").strip() == "true"
        return f"This clone is shallow, and the commit may lie before its first. {_FETCH}" if shallow else otherwise

    def _differing(self, commit: str) -> frozenset[str]:
        return self._names("diff", "--name-only", "--no-renames", "--no-ext-diff", "-z", commit, "--")

    def _names(self, *arguments: str) -> frozenset[str]:
        return frozenset(name for name in _git_output(self.root, *arguments).split("\0") if name)


def _git_output(folder: Path, *arguments: str) -> str:
    code, out, message = _git(folder, *arguments)
    if code:
        raise StorageError(f"git {arguments[0]} failed: {_last_line(message)}.", f"Try it by hand in {folder}.")
    return out


def _git(folder: Path, *arguments: str) -> tuple[int, str, str]:
    code, out, message = _git_bytes(folder, *arguments)
    return code, out.decode("utf-8", "surrogateescape"), message


def _git_bytes(folder: Path, *arguments: str) -> tuple[int, bytes, str]:
    try:
        process = subprocess.run(  # noqa: S603  no shell; what users give stands behind --end-of-options
            ["git", *_QUIET, "-C", str(folder), *arguments],  # noqa: S607
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError as fault:
        raise StorageError(
            "git is not installed, or not on PATH.", "Install git: `augmill ci` compares with it."
        ) from fault
    except subprocess.TimeoutExpired as fault:
        raise StorageError(
            f"git {arguments[0]} took more than {SECONDS:g} s in {folder}.", "See whether the disk answers, then retry."
        ) from fault
    return process.returncode, process.stdout, process.stderr.decode("utf-8", "replace")


def _last_line(message: str) -> str:
    return message.strip().rpartition("\n")[2].removeprefix("fatal: ").rstrip(".")
