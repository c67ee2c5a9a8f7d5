"""The only reader of the environment: where and how to run on this machine.

Variables may also stand in a `.env` file in the working directory; the real environment wins.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args
from uuid import UUID

from augmill.flows.config.alert_settings import AlertSettings, alerts_of
from augmill.flows.config.observability_settings import ObservabilitySettings, observability_of
from augmill.flows.config.stack_state import address
from augmill.policies.errors import PolicyError, StorageError
from augmill.tasks.sanitize.secret import KEY_REMEDY, Secret
from augmill.tasks.sources.roots import SETTING as DATA_ROOTS
from augmill.tasks.sources.roots import Roots

_FEWEST_KEY_SIGNS = 16
WORK_POOL = "augmill"
"""The work pool that `augmill deploy` makes where the settings name no other."""
STAGE_SECONDS = 86400.0
STAGES = (
    *("look", "ingest", "validate", "split", "fit", "augment", "verify", "check", "gate", "publish", "record"),
    "default",
)
RunnerName = Literal["auto", "thread", "process", "dask"]

# Switches off telemetry, update checks and messages of our libraries; each variable is read once, at import.
QUIET = {
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # A server that dies midway is given up in seconds, not minutes: the record waits in the spool.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # standard output is for the one document of a command
    "DO_NOT_TRACK": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "RAY_USAGE_STATS_ENABLED": "0",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    # Ten tasks a run need no log lines in Prefect's database; the pipeline reports on the terminal itself.
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",  # the only embedded server is flows/servers/prefect_server.py's
    "PREFECT_TASKS_DEFAULT_PERSIST_RESULT": "false",
    # Workers inherit this; what their libraries warn about is not for the person at the terminal.
    "PYTHONWARNINGS": "ignore",
}

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"), "1"
)


@dataclass(frozen=True)
class Settings:
    """Where things are kept and what does the work; paths are absolute.

    `checkout`: where workers find the folder that `augmill deploy` is called in; None: at the same place.
    `stage_seconds`: how long stages may take, by name; `default` for all others.
    `prefect_auth`: user:password for a Prefect server that asks for them; `tracking_auth`: the same, or a token, for an
    MLflow server. `mlflow_auth`: whether an MLflow server that we start is to ask everybody for theirs.
    """

    home: Path
    lake: str
    tracking_uri: str
    runner: RunnerName
    workers: int
    shard_rows: int | None
    shard_bytes: int | None
    dask_address: str | None
    plugins: Path | None
    prefect_api_url: str | None
    work_pool: str = WORK_POOL
    checkout: str | None = None
    stage_seconds: Mapping[str, float] = field(default_factory=lambda: {"default": STAGE_SECONDS})
    pii_key: Secret | None = field(default=None, repr=False)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    prefect_auth: str | None = field(default=None, repr=False)
    tracking_auth: str | None = field(default=None, repr=False)
    mlflow_auth: bool = False
    data_roots: Roots | None = None
    observability: ObservabilitySettings = field(default_factory=ObservabilitySettings)
    openlineage: bool = False
    openlineage_namespace: str = "augmill"
    openlineage_parent: tuple[str, str, str] | None = None


def settings() -> Settings:
    """Read the environment and `.env`. Raises PolicyError naming the variable that holds a bad value."""
    _read_dotenv(dotenv_file())
    environment = {name: value for name, value in os.environ.items() if value.strip()}
    home = _path(environment.get("AUGMILL_HOME", ".augmill"))
    return Settings(
        home=home,
        lake=_lake(environment.get("AUGMILL_LAKE"), home),
        tracking_uri=_tracking_uri(environment, home),
        runner=_runner(environment.get("AUGMILL_RUNNER", "auto")),
        workers=_count(environment, "AUGMILL_WORKERS") or cpu_count(),
        shard_rows=_count(environment, "AUGMILL_SHARD_ROWS"),
        shard_bytes=_count(environment, "AUGMILL_SHARD_BYTES"),
        dask_address=environment.get("AUGMILL_DASK_ADDRESS"),
        plugins=_folder(environment, "AUGMILL_PLUGINS"),
        prefect_api_url=environment.get("PREFECT_API_URL") or address(home, "prefect"),
        work_pool=environment.get("AUGMILL_WORK_POOL", WORK_POOL).strip(),
        checkout=environment.get("AUGMILL_CHECKOUT"),
        stage_seconds=_stage_seconds(environment.get("AUGMILL_STAGE_SECONDS", "")),
        pii_key=_pii_key(environment.get("AUGMILL_PII_KEY")),
        alerts=alerts_of(environment),
        prefect_auth=environment.get("PREFECT_API_AUTH_STRING"),
        tracking_auth=_tracking_auth(environment),
        mlflow_auth="MLFLOW_AUTH_ADMIN_PASSWORD" in environment or "MLFLOW_AUTH_CONFIG_PATH" in environment,
        data_roots=_data_roots(environment.get(DATA_ROOTS)),
        observability=observability_of(environment),
        openlineage=_openlineage(environment),
        openlineage_namespace=environment.get("OPENLINEAGE_NAMESPACE", "augmill"),
        openlineage_parent=_openlineage_parent(environment.get("OPENLINEAGE_PARENT_ID")),
    )


def quiet_libraries(current: Settings) -> None:
    """Switch off telemetry and keep Prefect's files in our home; call before any heavy import.

    What the user has set stays. Child processes inherit it.
    """
    # Arrow's own allocator gives pages back and asks for them again: a tenth of a run over a million rows.
    variables = {"PREFECT_HOME": str(current.home / "prefect"), "ARROW_DEFAULT_MEMORY_POOL": "system"}
    for name, value in {**QUIET, **variables}.items():
        os.environ.setdefault(name, value)
    one_thread_each()


@contextmanager
def environment_restored() -> Iterator[None]:
    """Undo at the end of the block what `quiet_libraries` and a run do to the environment: for a program that calls us
    and goes on. What `.env` says stays."""
    names = (*QUIET, *ONE_THREAD, "PREFECT_HOME", "ARROW_DEFAULT_MEMORY_POOL", "PREFECT_API_URL")
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def dotenv_file() -> Path:
    """The file of settings in the working directory, which need not be there."""
    return _working_folder() / ".env"


def child_environment(**more: str) -> dict[str, str]:
    """The environment of a process that we start: ours, with more variables."""
    return {**os.environ, **more}


def make_folder(folder: Path) -> Path:
    """Make a folder below the home and return it. Raises StorageError where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise StorageError(
            f"{folder} cannot be made: {fault}.", "Set AUGMILL_HOME to a folder you can write to."
        ) from fault
    return folder


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as fault:
        raise StorageError("the current folder does not exist any more.", "Change to one that does.") from fault


def one_thread_each() -> None:
    """Keep OpenMP, BLAS and OpenCV to one thread in this process and its children, whatever the user has set.

    So n workers use n cores, and a sum does not depend on how many cores a machine has. Libraries that are
    imported already do not notice; processes started from here do.
    """
    os.environ.update(ONE_THREAD)


def cpu_count() -> int:
    """The cores this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read_dotenv(file: Path) -> None:
    if not file.is_file():
        return
    from dotenv import load_dotenv

    try:
        load_dotenv(file, override=False)
    except (OSError, UnicodeDecodeError) as fault:
        raise PolicyError(
            f"{file} cannot be read: {fault}.", "Write it as UTF-8 lines NAME=value, or remove it."
        ) from fault


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _lake(text: str | None, home: Path) -> str:
    if text is None:
        return str(home / "lake")
    scheme, separator, rest = text.partition("://")
    if not separator:
        return str(_path(text))
    if scheme != "s3" or not rest.strip("/"):
        raise _refusal("AUGMILL_LAKE", text, "a folder, or s3://BUCKET/PREFIX")
    return text.rstrip("/")


def _tracking_uri(environment: Mapping[str, str], home: Path) -> str:
    uri = environment.get("AUGMILL_TRACKING_URI") or environment.get("MLFLOW_TRACKING_URI")
    return uri or f"sqlite:///{home / 'mlflow.db'}"


def _tracking_auth(environment: Mapping[str, str]) -> str | None:
    user, password = environment.get("MLFLOW_TRACKING_USERNAME"), environment.get("MLFLOW_TRACKING_PASSWORD")
    return f"{user}:{password}" if user and password else environment.get("MLFLOW_TRACKING_TOKEN")


def _runner(text: str) -> RunnerName:
    if text not in get_args(RunnerName):
        raise _refusal("AUGMILL_RUNNER", text, f"one of {', '.join(get_args(RunnerName))}")
    return cast(RunnerName, text)


def _count(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name)
    if text is None:
        return None
    if not (text.strip().isdecimal() and int(text) >= 1):
        raise _refusal(name, text, "a whole number of at least 1")
    return int(text)


def _stage_seconds(text: str) -> dict[str, float]:
    """Parse `3600`, or `3600,augment=14400`: seconds for every stage, and for single ones."""
    seconds_by_stage = {"default": STAGE_SECONDS}
    for part in filter(None, map(str.strip, text.split(","))):
        name, separator, number = part.rpartition("=")
        stage = name.strip() if separator else "default"
        if stage not in STAGES or not number.strip().isdecimal() or not 1 <= int(number) <= 10**9:
            raise _refusal("AUGMILL_STAGE_SECONDS", text, f"seconds, or STAGE=SECONDS of {', '.join(STAGES[:-1])}")
        seconds_by_stage[stage] = float(number)
    return seconds_by_stage


def _folder(environment: Mapping[str, str], name: str) -> Path | None:
    text = environment.get(name)
    if text is None:
        return None
    if not _path(text).is_dir():
        raise _refusal(name, text, "a folder that exists")
    return _path(text)


def _openlineage(environment: Mapping[str, str]) -> bool:
    """Whether OpenLineage's own configuration, of variables or of a file, says where events shall go."""
    if environment.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
        return False
    has_transport_variable = any(
        name == "OPENLINEAGE_URL" or name.startswith("OPENLINEAGE__TRANSPORT__") for name in environment
    )
    config_file = environment.get("OPENLINEAGE_CONFIG")
    files = [_path(config_file)] if config_file else []
    files += [_working_folder() / "openlineage.yml", _path("~/.openlineage/openlineage.yml")]
    return has_transport_variable or any(file.is_file() for file in files)


def _openlineage_parent(text: str | None) -> tuple[str, str, str] | None:
    """Namespace, job and id of the parent run."""
    if text is None:
        return None
    namespace, _, rest = text.strip().partition("/")
    job, _, run_id = rest.rpartition("/")
    try:
        UUID(run_id)
    except ValueError:
        job = ""
    if not (namespace and job):
        raise _refusal("OPENLINEAGE_PARENT_ID", text, "NAMESPACE/JOB/ID, the id a UUID")
    return namespace, job, run_id


def _pii_key(text: str | None) -> Secret | None:
    """The key of keyed hashes. Never shown, not even where it is refused."""
    if text is None:
        return None
    if len(text.strip()) < _FEWEST_KEY_SIGNS:
        raise PolicyError(f"AUGMILL_PII_KEY is shorter than {_FEWEST_KEY_SIGNS} characters.", KEY_REMEDY)
    return Secret(text.strip().encode())


def _data_roots(text: str | None) -> Roots | None:
    try:
        return None if text is None else Roots.of(text)
    except ValueError as fault:
        raise _refusal(DATA_ROOTS, text or "", str(fault)) from fault


def _refusal(name: str, received: str, rule: str) -> PolicyError:
    return PolicyError(
        f"{name} must be {rule}; it is {received!r}.", f"Set {name} in the environment or .env, or unset it."
    )
