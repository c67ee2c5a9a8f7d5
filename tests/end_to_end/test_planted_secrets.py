"""One secret of each kind, planted where people set them; runs succeed and fail; then every byte left is searched."""

from __future__ import annotations

import base64
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.end_to_end.helpers import GOOD, NOISE, augmill, policy, write_csv
from tests.fixtures_s3 import free_port

SECRETS = {
    name: f"PLANTED-{name}-9f8e7d6c5b4a"
    for name in (
        "s3",
        "tracking",
        "token",
        "api",
        "pii",
        "webhook",
        "signing",
        "otlp",
        "smtp",
        "postgres",
        "inline",
        "query",
    )
}


def environment(**more: str) -> dict[str, str]:
    """A secret of each kind; every address is one where nobody answers."""
    nobody = f"127.0.0.1:{free_port()}"
    return {
        "AWS_ACCESS_KEY_ID": "AKIAPLANTED0000KEYID",
        "AWS_SECRET_ACCESS_KEY": SECRETS["s3"],
        "AWS_ENDPOINT_URL": f"http://{nobody}",
        "AWS_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "AUGMILL_TRACKING_URI": f"http://ada:{SECRETS['tracking']}@{nobody}",
        "MLFLOW_TRACKING_TOKEN": SECRETS["token"],
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
        "PREFECT_API_AUTH_STRING": f"ada:{SECRETS['api']}",
        "AUGMILL_PII_KEY": SECRETS["pii"],
        "AUGMILL_WEBHOOK_URL": f"http://{nobody}/hooks/{SECRETS['webhook']}",
        "AUGMILL_WEBHOOK_SECRET": SECRETS["signing"],
        "AUGMILL_ALERT_EMAIL": "ada@example.org",
        "AUGMILL_SMTP_URL": f"smtp://ada:{SECRETS['smtp']}@{nobody}",
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{nobody}",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer {SECRETS['otlp']}",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "OPENLINEAGE__TRANSPORT__TYPE": "file",
        "OPENLINEAGE__TRANSPORT__APPEND": "true",
    } | more


def leaks(folder: Path, texts: Mapping[str, str]) -> list[str]:
    """Where a secret is found, plain or in the form that HTTP sends it in."""
    wanted = {name: [secret.encode()] for name, secret in SECRETS.items()}
    for name, user in (("api", "ada"), ("tracking", "ada")):
        wanted[name].append(base64.b64encode(f"{user}:{SECRETS[name]}".encode()))
    places = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    places |= {name: text.encode() for name, text in texts.items()}
    return [
        f"{name} in {place}"
        for place, data in places.items()
        for name, forms in wanted.items()
        if any(form in data for form in forms)
    ]


def cases(folder: Path) -> dict[str, tuple[int, list[str], dict[str, str]]]:
    """What is done, by name: the exit code that is right, the arguments, what else is set."""
    write_csv(folder / "raw" / "good.csv", GOOD)
    write_csv(folder / "raw" / "bad.csv", [line.replace("hay", "") for line in GOOD])
    described = f'"See https://ada:{SECRETS["inline"]}@example.org/x?token={SECRETS["query"]}"'
    files = folder / "theirs"
    files.mkdir()

    def made(name: str, uri: str, **more: str) -> str:
        return str(policy(files, uri, NOISE, **more).rename(files / f"{name}.yaml"))

    hashed = '{uri: "../raw/good.csv", pii: {colour: hash}}'
    good = made("good", "", source=hashed, ignore="[colour]", description=described)
    poor = made("poor", "../raw/bad.csv", dataset="poor")
    far = made("far", "s3://bucket/rows.csv", dataset="far")
    inline = made("inline", f"s3://ada:{SECRETS['inline']}@bucket/rows.csv", dataset="inline")
    url = f"postgresql+asyncpg://ada:{SECRETS['postgres']}@127.0.0.1:{free_port()}/prefect"
    return {
        "success": (0, ["run", good, "--json"], {}),
        "processes": (0, ["run", good], {"AUGMILL_RUNNER": "process", "AUGMILL_LAKE": str(folder / "home" / "lake2")}),
        "data": (3, ["run", poor], {}),
        "storage": (4, ["run", far], {}),
        "refused": (2, ["run", inline], {}),
        "database": (4, ["run", good, "--runner", "thread"], {
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": url, "AUGMILL_LAKE": str(folder / "home" / "lake3"),
        }),
        "list": (0, ["list", "--json"], {}),
    }  # fmt: skip


@pytest.fixture(scope="module")
def done(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, subprocess.CompletedProcess[str]]]:
    """All of it done in one home, what was printed by name."""
    folder = tmp_path_factory.mktemp("secrets")
    ended = {}
    for name, (_, arguments, more) in cases(folder).items():
        events = {"OPENLINEAGE__TRANSPORT__LOG_FILE_PATH": str(folder / "home" / "events.jsonl")}
        ended[name] = augmill(folder / "home", *arguments, **environment(**events, **more))
    return folder / "home", ended


@pytest.mark.slow
def test_everything_ended_as_it_should(done):
    _, ended = done
    expected = {"success": 0, "processes": 0, "data": 3, "storage": 4, "refused": 2, "database": 4, "list": 0}
    assert {name: one.returncode for name, one in ended.items()} == expected, {n: o.stderr for n, o in ended.items()}
    assert not any("Traceback" in one.stderr for one in ended.values())


@pytest.mark.slow
def test_no_secret_is_printed_logged_recorded_or_kept(done):
    home, ended = done
    assert (home / "lake" / "made").is_dir()
    assert "example.org" in (home / "events.jsonl").read_text()
    assert leaks(home, {name: one.stdout + one.stderr for name, one in ended.items()}) == []


def test_the_search_finds_what_is_there(tmp_path):
    (tmp_path / "log").write_text(f"GET http://ada:{SECRETS['tracking']}@host")
    sent = base64.b64encode(f"ada:{SECRETS['api']}".encode()).decode()
    assert leaks(tmp_path, {"stderr": f"Authorization: Basic {sent}"}) == ["tracking in log", "api in stderr"]


@pytest.mark.slow
def test_nothing_that_is_kept_is_a_pickle(done):
    home, _ = done
    files = [file for file in home.rglob("*") if file.is_file()]
    assert len(files) > 20
    # Protocols 2 and up begin with 0x80 and their number, and end with a full stop.
    pickles = [
        file
        for file in files
        if (data := file.read_bytes())[:1] == b"\x80" and data[1:2] < b"\x06" and data[-1:] == b"."
    ]
    assert pickles == []
    assert [file for file in files if file.suffix in (".pkl", ".pickle", ".joblib", ".dill")] == []
