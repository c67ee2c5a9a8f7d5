"""Write the requirements files: every version exact, every file hashed, no address of any index.

`python3 infra/lock.py` keeps the versions that still fit pyproject.toml; `--upgrade` takes the newest that fit, and
any other option of `uv pip compile` may follow. uv comes from PATH, or else into a folder that is removed again.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = [
    "--quiet",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-emit-find-links",
    "--no-annotate",
    "--python-version=3.11",
    "--custom-compile-command=infra/lock.py",
]


def main(options: list[str]) -> None:
    """Lock what runs, then, on top of exactly that, what tests and what serves a team; and what stands alone."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    run = project["project"]["dependencies"] + groups["checkout"]
    with uv_program() as uv:
        lock(uv, run, "requirements.txt", options)
        lock(uv, run + groups["dev"], "requirements-dev.txt", ["--constraint", "requirements.txt", *options])
        lock(uv, groups["ministack"], "requirements-ministack.txt", options)
        lock(uv, groups["server"], "requirements-server.txt", ["--constraint", "requirements.txt", *options])
        lock(uv, groups["audit"], "requirements-audit.txt", options)


def lock(uv: str, requirements: list[str], output: str, options: list[str]) -> None:
    """Resolve `requirements` into the file `output`, which also says what was chosen last time."""
    command = [uv, "pip", "compile", "-", "--output-file", output, *OPTIONS, *options]
    subprocess.run(command, input="\n".join(requirements), text=True, check=True, cwd=ROOT)
    print(f"{output}: {(ROOT / output).read_text().count('==')} pinned")


@contextmanager
def uv_program() -> Iterator[str]:
    """The uv of PATH, or one installed for this call alone."""
    if present := shutil.which("uv"):
        yield present
        return
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        subprocess.run([f"{folder}/bin/python", "-m", "pip", "install", "--quiet", "uv"], check=True)
        yield f"{folder}/bin/uv"


if __name__ == "__main__":
    main(sys.argv[1:])
