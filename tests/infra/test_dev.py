"""The set-up of a checkout: what is pinned gets in, once, compiled, and only if its hash is right."""

from __future__ import annotations

import ast
import hashlib
import subprocess
import sys
import zipfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "infra" / "dev.py"


@pytest.fixture
def dev(tmp_path, monkeypatch):
    """The program as a module, with a scratch folder as its checkout."""
    spec = spec_from_file_location("dev", PROGRAM)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


@pytest.fixture
def wheel(tmp_path):
    """A distribution of one module that pip installs without an index."""
    file = tmp_path / "pebble-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("pebble.py", "weight = 3\n")
        archive.writestr("pebble-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: pebble\nVersion: 1.0\n")
        archive.writestr("pebble-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("pebble-1.0.dist-info/RECORD", "")
    return file


def pinned(wheel: Path, digest: str) -> None:
    (wheel.parent / "pins.txt").write_text(f"pebble @ {wheel.as_uri()} --hash=sha256:{digest}\n")


def test_what_is_pinned_is_installed_compiled_and_only_once_and_never_with_another_hash(dev, wheel, tmp_path, capfd):
    venv = tmp_path / "venv"
    pinned(wheel, "0" * 64)
    with pytest.raises(SystemExit, match="failed with exit code 1"):
        dev.install(venv, "pins.txt")
    assert "DO NOT MATCH THE HASHES" in capfd.readouterr().err
    assert not dev.stamped(venv, tmp_path / "pins.txt")

    pinned(wheel, hashlib.sha256(wheel.read_bytes()).hexdigest())
    dev.install(venv, "pins.txt")
    command = [venv / "bin" / "python", "-c", "import pebble; print(pebble.weight, pebble.__cached__)"]
    weight, compiled = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert weight == "3"
    assert Path(compiled).exists()

    module = next(venv.rglob("pebble.py"))
    module.unlink()
    dev.install(venv, "pins.txt")
    assert not module.exists()


def test_an_old_python_is_told_what_to_install(dev, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match=r"augmill needs Python 3\.11 or later; this is .*\n  remedy: install"):
        dev.main(["test"])


def test_an_old_python_can_read_the_program_that_tells_it_so():
    ast.parse(PROGRAM.read_text(), feature_version=(3, 7))


def test_a_call_without_a_verb_says_what_there_is(dev):
    with pytest.raises(SystemExit, match=r"dev\.py run POLICY"):
        dev.main([])
