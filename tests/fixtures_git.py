"""A real git repository in a folder of the test."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Git:
    """A work tree; calling it runs git there."""

    root: Path

    def __call__(self, *arguments: str) -> str:
        alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        named = {f"GIT_{who}_{what}": "ada" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        done = subprocess.run(
            ["git", "-C", self.root, *arguments], env=os.environ | alone | named, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def commit(self) -> str:
        """Everything as it lies here; returns the commit."""
        self("add", "--all")
        self("commit", "--quiet", "--allow-empty", "--message", "a change")
        return self("rev-parse", "HEAD")


def repository(folder: Path) -> Git:
    folder.mkdir(parents=True, exist_ok=True)
    git = Git(folder)
    git("init", "--quiet", "--initial-branch", "main")
    return git


@pytest.fixture
def git(tmp_path: Path) -> Git:
    return repository(tmp_path / "repository")
