"""Make the secrets that compose.yaml reads: one file per service in infra/compose/secrets/, readable by you alone.

`python3 infra/compose/make_secrets.py` changes nothing that is there; `--renew` makes all anew, which an existing
database has to be told of (infra/deployment.md). Never commit these files: git ignores them.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

FOLDER = Path(__file__).with_name("secrets")


def main(options: list[str]) -> None:
    """Write every file that is missing, or all with --renew; say where."""
    if set(options) - {"--renew"}:
        sys.exit(str(__doc__))
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    FOLDER.chmod(0o700)
    lines_by_file = files()
    present = {name for name in lines_by_file if (FOLDER / name).exists()}
    if present and present != lines_by_file.keys() and "--renew" not in options:
        missing = ", ".join(sorted(lines_by_file.keys() - present))
        sys.exit(
            f"{FOLDER} lacks {missing}, whose secrets the others share.\n  remedy: put them back, or give --renew."
        )
    if present and "--renew" not in options:
        print(f"{FOLDER}: {len(present)} files were there and stay as they are")
        return
    for name, lines in lines_by_file.items():
        write(FOLDER / name, lines)
    print(f"{FOLDER}: wrote {len(lines_by_file)} files; the password of Grafana's `admin` stands in grafana.env")


def files() -> dict[str, dict[str, str]]:
    """The files and their variables; a secret that two services share is the same in both."""
    superuser, prefect, mlflow = token(), token(), token()
    api, personal, grafana = token(), token(), token()
    return {
        "postgres.env": {
            "POSTGRES_PASSWORD": superuser,
            "PREFECT_DATABASE_PASSWORD": prefect,
            "MLFLOW_DATABASE_PASSWORD": mlflow,
        },
        "prefect.env": {
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://prefect:{prefect}@postgres:5432/prefect",
            "PREFECT_SERVER_API_AUTH_STRING": f"augmill:{api}",
            "PREFECT_API_AUTH_STRING": f"augmill:{api}",
        },
        "mlflow.env": {"MLFLOW_BACKEND_STORE_URI": f"postgresql+pg8000://mlflow:{mlflow}@postgres:5432/mlflow"},
        "worker.env": {"PREFECT_API_AUTH_STRING": f"augmill:{api}", "AUGMILL_PII_KEY": personal},
        "s3.env": {"AWS_ACCESS_KEY_ID": f"augmill{token()[:12]}", "AWS_SECRET_ACCESS_KEY": token()},
        "grafana.env": {"GF_SECURITY_ADMIN_PASSWORD": grafana},
    }


def token() -> str:
    """192 random bits as 48 letters and digits, which no URL, shell or env file has to quote."""
    return os.urandom(24).hex()


def write(file: Path, lines: dict[str, str]) -> None:
    """Replace a file whole; nobody else may read it, not even while it is written."""
    half = file.with_suffix(".half")
    with open(half, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as opened:
        opened.writelines(f"{name}={value}\n" for name, value in lines.items())
    half.replace(file)


if __name__ == "__main__":
    main(sys.argv[1:])
