"""For every test: an empty home of its own, no setting of the person who runs it, nothing that calls out."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from augmill.flows.settings import QUIET

pytest_plugins = ["tests.fixtures_browser", "tests.fixtures_s3", "tests.fixtures_prefect", "tests.fixtures_git"]

ROOT = Path(__file__).resolve().parent.parent
OURS = ("AUGMILL_", "PREFECT_", "MLFLOW_", "GX_", "DASK_", "OPENLINEAGE_")
_BASE = Path(tempfile.mkdtemp(prefix="augmill-tests-"))
_NUMBERS = itertools.count()


def pytest_configure() -> None:
    """Before any library is imported: what is read once, at import, and a home that no library's files are in."""
    for name in [name for name in os.environ if name.startswith(OURS) and not name.startswith("AUGMILL_TEST_")]:
        del os.environ[name]
    os.environ.update({name: value for name, value in QUIET.items() if name != "PYTHONWARNINGS"})
    os.environ["HOME"] = str(_BASE)
    # Whoever starts the tests in the background may have had Ctrl-C ignored, and every process of a test inherits it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure() -> None:
    shutil.rmtree(_BASE, ignore_errors=True)


@pytest.fixture(autouse=True)
def _own_home_and_environment() -> Iterator[None]:
    """A home that exists once something is written to it; and no variable that a run sets outlives its test.

    Without `monkeypatch`, which would put back after us what it saw in the middle of a test.
    """
    # A command that a fixture of a module has run has set it for good, to a home that is not this test's.
    os.environ.pop("PREFECT_HOME", None)
    before = dict(os.environ)
    home = _BASE / f"home-{next(_NUMBERS)}"
    os.environ["AUGMILL_HOME"] = str(home)
    yield
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the real data sets, which are not part of the project; without it the test is skipped."""
    folder = Path(os.environ.get("AUGMILL_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip("the shared data sets are not here; set AUGMILL_TEST_DATA to their folder")
    return folder
