"""Whether the home can be written to, has room, and keeps its secrets to itself."""

from __future__ import annotations

import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from augmill.flows.health_answer import Answer, fail, ok, warn
from augmill.flows.settings import Settings, dotenv_file, make_folder

LEAST_BYTES, LITTLE_BYTES = 500 << 20, 5 << 30
SECRET_NAMES = ("PASSWORD", "SECRET", "KEY", "TOKEN", "AUTH")


def check(current: Settings) -> Iterator[Answer]:
    """Home, room on its disk and on that of temporary files, and who else can read `.env`."""
    yield _writable(current.home)
    yield from _room("home", current.home, "Free space, or set AUGMILL_HOME to a larger disk.")
    yield from _room("temporary files", Path(tempfile.gettempdir()), "Free space, or set TMPDIR to a larger disk.")
    yield from _dotenv(dotenv_file())


def _writable(home: Path) -> Answer:
    trial = make_folder(home) / f"doctor-{secrets.token_hex(4)}"
    try:
        trial.write_bytes(b"x")
        trial.unlink()
    except OSError as fault:
        return fail("home", f"{home} cannot be written to: {fault.strerror}", "Set AUGMILL_HOME to another folder.")
    return ok("home", f"{home} can be written to")


def _room(what: str, folder: Path, remedy: str) -> Iterator[Answer]:
    free = shutil.disk_usage(folder).free
    free_space = f"{free / 2**30:.1f} GiB free in {folder}"
    if free < LEAST_BYTES:
        yield fail(f"room for {what}", free_space, remedy)
    else:
        yield (
            ok(f"room for {what}", free_space) if free >= LITTLE_BYTES else warn(f"room for {what}", free_space, remedy)
        )


def _dotenv(file: Path) -> Iterator[Answer]:
    """A file that is read as settings and that others can read, where it holds secrets, or write, whatever it holds."""
    if not file.is_file():
        return
    mode = file.stat().st_mode
    lines = (line.partition("=") for line in file.read_text(errors="replace").splitlines())
    secret = any(word in name.upper() and value.strip() for name, _, value in lines for word in SECRET_NAMES)
    if mode & stat.S_IWOTH:
        yield fail(".env", "everybody on this machine can change your settings", f"chmod 600 {file}", "settings")
    elif secret and mode & (stat.S_IROTH | stat.S_IRGRP):
        yield warn(".env", "it holds secrets that others on this machine can read", f"chmod 600 {file}")
    else:
        yield ok(".env", f"{file} is read")
