"""Settings: defaults, what overrides what, and one clear refusal for each bad value."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from augmill.flows.settings import ONE_THREAD, make_folder, quiet_libraries, settings
from augmill.policies.errors import PolicyError, StorageError
from augmill.tasks.sanitize.secret import Secret

OURS = ("AUGMILL_", "PREFECT_", "MLFLOW_")


@pytest.fixture(autouse=True)
def _empty_environment_and_folder(monkeypatch, tmp_path):
    for name in list(os.environ):
        if name.startswith(OURS):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_with_nothing_set_everything_is_kept_in_the_working_directory(tmp_path):
    found = settings()
    assert found.home == tmp_path / ".augmill"
    assert found.lake == str(tmp_path / ".augmill" / "lake")
    assert found.tracking_uri == f"sqlite:///{tmp_path}/.augmill/mlflow.db"
    assert (found.dask_address, found.plugins, found.prefect_api_url) == (None, None, None)
    assert (found.shard_rows, found.shard_bytes) == (None, None)
    assert (found.work_pool, found.checkout) == ("augmill", None)
    assert found.runner == "auto"
    assert found.workers == len(os.sched_getaffinity(0))


def test_every_variable_is_read(monkeypatch, tmp_path):
    (tmp_path / "plugins").mkdir()
    values = {
        "AUGMILL_HOME": "elsewhere",
        "AUGMILL_LAKE": "s3://bucket/prefix/",
        "AUGMILL_TRACKING_URI": "http://127.0.0.1:5000",
        "AUGMILL_RUNNER": "dask",
        "AUGMILL_WORKERS": "7",
        "AUGMILL_SHARD_ROWS": "1000",
        "AUGMILL_SHARD_BYTES": "2000",
        "AUGMILL_DASK_ADDRESS": "tcp://127.0.0.1:8786",
        "AUGMILL_PLUGINS": "plugins",
        "PREFECT_API_URL": "http://127.0.0.1:4200/api",
        "AUGMILL_WORK_POOL": "gpus",
        "AUGMILL_CHECKOUT": "/srv/data",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    found = settings()
    assert (found.home, found.lake) == (tmp_path / "elsewhere", "s3://bucket/prefix")
    assert (found.tracking_uri, found.runner, found.workers) == ("http://127.0.0.1:5000", "dask", 7)
    assert (found.shard_rows, found.shard_bytes, found.plugins) == (1000, 2000, tmp_path / "plugins")
    assert (found.work_pool, found.checkout) == ("gpus", "/srv/data")
    assert (found.dask_address, found.prefect_api_url) == ("tcp://127.0.0.1:8786", "http://127.0.0.1:4200/api")


def test_an_empty_variable_counts_as_unset(monkeypatch, tmp_path):
    monkeypatch.setenv("AUGMILL_HOME", "")
    assert settings().home == tmp_path / ".augmill"


def test_mlflows_own_variable_is_used_where_ours_is_not_set(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5001")
    assert settings().tracking_uri == "http://127.0.0.1:5001"
    monkeypatch.setenv("AUGMILL_TRACKING_URI", "http://127.0.0.1:5000")
    assert settings().tracking_uri == "http://127.0.0.1:5000"


def test_a_dotenv_file_is_read_and_the_environment_wins(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    (tmp_path / ".env").write_text("AUGMILL_WORKERS=3\nAUGMILL_RUNNER=thread\nAWS_REGION=eu-north-9\n")
    os.environ["AUGMILL_RUNNER"] = "dask"
    found = settings()
    assert (found.workers, found.runner, os.environ["AWS_REGION"]) == (3, "dask", "eu-north-9")


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("AUGMILL_RUNNER", "ray", "one of auto, thread, process, dask"),
        ("AUGMILL_WORKERS", "0", "at least 1"),
        ("AUGMILL_WORKERS", "two", "a whole number"),
        ("AUGMILL_SHARD_ROWS", "-5", "a whole number"),
        ("AUGMILL_SHARD_BYTES", "1.5", "a whole number"),
        ("AUGMILL_LAKE", "gs://bucket/prefix", "s3://BUCKET/PREFIX"),
        ("AUGMILL_LAKE", "s3://", "s3://BUCKET/PREFIX"),
        ("AUGMILL_PLUGINS", "nowhere", "a folder that exists"),
        ("AUGMILL_DATA_ROOTS", "nowhere", "folders that exist and s3://BUCKET/PREFIX"),
        ("AUGMILL_DATA_ROOTS", "https://host/data", "folders that exist and s3://BUCKET/PREFIX"),
    ],
)
def test_a_bad_value_is_refused_with_its_name_the_rule_and_what_was_received(monkeypatch, name, value, rule):
    monkeypatch.setenv(name, value)
    with pytest.raises(PolicyError) as caught:
        settings()
    assert caught.value.cause.startswith(f"{name} must be ")
    assert rule in caught.value.cause
    assert repr(value) in caught.value.cause


def test_a_dotenv_file_that_is_not_text_is_refused(tmp_path):
    (tmp_path / ".env").write_bytes(b"AUGMILL_HOME=\xff\xfe\n")
    with pytest.raises(PolicyError, match="cannot be read"):
        settings()


def test_libraries_are_quietened_without_overriding_the_user(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "environ", {"MLFLOW_DISABLE_TELEMETRY": "false"})
    quiet_libraries(settings())
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "false"
    assert os.environ["NO_ALBUMENTATIONS_UPDATE"] == "1"
    assert os.environ["PREFECT_HOME"] == str(tmp_path / ".augmill" / "prefect")


def test_libraries_get_one_thread_whatever_the_user_has_set(monkeypatch):
    monkeypatch.setattr(os, "environ", {"OMP_NUM_THREADS": "7"})
    quiet_libraries(settings())
    assert {os.environ[name] for name in ONE_THREAD} == {"1"}


def test_no_other_file_of_the_product_reads_the_environment():
    root = Path(__file__).resolve().parents[2]
    files = [file for top in ("flows", "tasks", "expectations", "policies") for file in (root / top).rglob("*.py")]
    assert [str(file.relative_to(root)) for file in files if reads_environment(file)] == ["flows/settings.py"]


def reads_environment(file: Path) -> bool:
    """Whether it mentions os.environ or os.getenv other than to set, update or remove variables."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    mentions = [node for node in nodes if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}]
    written = [node.value for node in nodes if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load)]
    written += [node.value for node in nodes if isinstance(node, ast.Attribute) and node.attr in {"update", "pop"}]
    return any(node not in written for node in mentions)


def test_reading_settings_imports_nothing_heavy():
    code = (
        "import sys; from augmill.flows.settings import settings; settings();"
        "print(len(sys.modules), 'prefect' in sys.modules)"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{root}:{root}/infra/checkout"},
    )
    count, prefect = done.stdout.split()
    assert (int(count) < 200, prefect) == (True, "False")


def test_a_folder_that_is_gone_is_told(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(StorageError, match="the current folder does not exist any more"):
        settings()


def test_a_home_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot be made") as caught:
        make_folder(tmp_path / "file" / "home")
    assert "AUGMILL_HOME" in caught.value.remedy


def test_the_key_of_keyed_hashes_is_never_shown(monkeypatch):
    key = "correct horse battery staple"
    monkeypatch.setenv("AUGMILL_PII_KEY", f" {key}\n")
    current = settings()
    assert key not in repr(current)
    assert current.pii_key is not None
    assert current.pii_key == Secret(key.encode())
    monkeypatch.setenv("AUGMILL_PII_KEY", "fifteen letters")
    with pytest.raises(PolicyError, match="shorter than 16") as caught:
        settings()
    assert "fifteen" not in str(caught.value)


def test_mlflow_prints_no_address_before_the_document_of_a_command():
    """With a server behind it, it does so on standard output; of a database nobody sees it."""
    from mlflow.environment_variables import MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT

    quiet_libraries(settings())
    assert MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.get() is True
