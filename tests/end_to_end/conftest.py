"""The command in this process, against one Prefect server of the session, so that each case costs a second."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from augmill.flows.cli import main
from tests.end_to_end.helpers import GOOD, exactly, go, policy, table_of, write_csv


@dataclass
class Here:
    """A folder with a published version; `run` tries to publish another."""

    folder: Path
    capfd: pytest.CaptureFixture[str]
    before: list[str]

    @property
    def lake(self) -> Path:
        return self.folder / "home" / "lake"

    def run(self, file: Path, *options: str) -> tuple[int, str, str]:
        self.capfd.readouterr()
        code = main(["run", str(file), *options])
        return code, *self.capfd.readouterr()

    def refused(self, file: Path, code: int, *words: str) -> str:
        """The one message of a run that must end with this code and change nothing."""
        got, out, err = self.run(file)
        assert got == code, (out, err)
        assert out == ""
        assert "Traceback" not in err
        assert err.count("remedy:") == 1, err
        for word in words:
            assert word in err
        assert table_of(self.lake).versions() == [0]
        assert exactly(self.lake, 0) == self.before
        return err


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: str, capfd: pytest.CaptureFixture[str]) -> Here:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUGMILL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PREFECT_API_URL", api)
    write_csv(tmp_path / "data.csv", GOOD)
    go(policy(tmp_path, "data.csv"), tmp_path / "home" / "lake")
    return Here(tmp_path, capfd, exactly(tmp_path / "home" / "lake"))
