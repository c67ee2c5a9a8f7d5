"""One finished run, as the flow describes it, and a real MLflow server on loopback."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pyarrow as pa
import pytest

from augmill.tasks.cards.file_layout import LaidFile, Layout

NOON = 1_763_700_000.0


def finished_run(version=12, parent=11, table_uri="/lake/oil-spill"):
    return {
        "dataset": "oil-spill",
        "version": version,
        "parent_version": parent,
        "table_uri": table_uri,
        "version_digest": f"{version:064x}",
        "policy_hash": "9f2c" * 16,
        "git_commit": "46a3373f00",
        "channel": "stable",
        "prefect_run_url": None,
        "fingerprint": {"cpu": "avx2", "opencv": "4.10"},
        "policy_text": "dataset: oil-spill\nsteps:\n- name: balance\n",
        "parent_policy_text": "dataset: oil-spill\nsteps: []\n" if parent else None,
        "policy": {
            "dataset": "oil-spill",
            "description": "Find oil slicks.",
            "owner": "remote-sensing",
            "steps": [
                {
                    "name": "balance",
                    "transforms": [{"use": "tabular.smote", "params": {"k_neighbors": 5}, "invariance": None}],
                    "amount": {"to_share": 0.25, "copies": None},
                }
            ],
            "checks": {"label_consistency": {"min_rate": 0.98}},
        },
        "columns": {"f1": "double", "target": "string"},
        "inputs": [
            {
                "name": "oil.csv",
                "uri": "s3://raw/oil.csv",
                "sha256": "ab" * 32,
                "bytes": 4000,
                "rows": 949,
                "etag": "e1",
            }
        ],
        "rows": {
            "real": 937,
            "augmented": 0,
            "synthetic": 180,
            "quarantined": 12,
            "dropped": 4,
            "by_split_origin_label": {
                "train": {"real": {"0": 628, "1": 29}, "synthetic": {"1": 180}},
                "validation": {"real": {"0": 134, "1": 6}},
                "test": {"real": {"0": 134, "1": 6}},
            },
        },
        "checks": [
            {"name": "structural", "success": True, "observed": 0, "target": 0},
            {"name": "coverage", "success": False, "observed": 0.4, "target": 0.5, "detail": "class 1 is thin"},
        ],
        "steps": [
            {
                "name": "balance",
                "use": ["tabular.smote"],
                "planned": 200,
                "made": 184,
                "dropped": 4,
                "published": 180,
                "judged": 184,
                "contradicted": 4,
                "unfamiliar": 20,
            }
        ],
        "latency": [{"use": "tabular.smote", "p50_ms": 0.1, "p95_ms": 0.2, "p99_ms": 0.5}],
        "storage": {"real_bytes": 400_000, "total_bytes": 480_000, "new_bytes": 80_000},
        "usage": {"cpu_seconds": 14.4},
        "started_unix": NOON,
        "ended_unix": NOON + 12.5,
        "stages": [
            {"name": name, "started_unix": NOON + i, "seconds": 0.5, "figures": {"rows": 937}}
            for i, name in enumerate(("ingest", "augment", "publish"))
        ],
    }


@pytest.fixture
def document():
    return finished_run()


@pytest.fixture
def layout():
    """Three files in a table's folder, and their columns."""
    files = [
        LaidFile(f"augmill_split={split}/augmill_origin={origin}/a.parquet", split, origin, rows, 10 * rows, "ab" * 32)
        for split, origin, rows in (("test", "real", 140), ("train", "real", 657), ("train", "synthetic", 180))
    ]
    schema = pa.schema([("f1", pa.float64()), ("target", pa.string()), ("augmill_sample_id", pa.string())])
    return Layout(tuple(files), schema, "../oil-spill/", hive=True)


@pytest.fixture
def make_document():
    return finished_run


@pytest.fixture
def store_uri(tmp_path):
    return f"sqlite:///{tmp_path / 'home' / 'mlflow.db'}"


class Server:
    """`mlflow server` as its own process on a fixed loopback port, to be started and stopped at will."""

    def __init__(self, folder):
        self.folder = Path(folder)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        from augmill.tasks.lineage.database import create_database

        create_database(self.folder / "server.db")
        program = (
            "import os; os.environ.update(MLFLOW_SERVER_ENABLE_JOB_EXECUTION='false', MLFLOW_DISABLE_TELEMETRY='true')"
        )
        arguments = ["server", "--backend-store-uri", f"sqlite:///{self.folder / 'server.db'}", "--workers", "1"]
        arguments += ["--host", "127.0.0.1", "--port", str(self.port)]
        arguments += ["--artifacts-destination", str(self.folder / "artifacts")]
        with (self.folder / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", f"{program}; from mlflow.cli import cli; cli({arguments!r})"],
                stdout=log,
                stderr=log,
                cwd=self.folder,
            )
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError((self.folder / "server.log").read_text()[-2000:])

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(30)
            self.process = None


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("mlflow-server"))
    server.start()
    yield server
    server.stop()
