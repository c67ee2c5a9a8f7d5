"""What `dev.py new` writes runs as it is: it passes the laws of its kind, its own test, lint and the house style."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTEST = ("pytest", "-q", "-n0", "-p", "no:cacheprovider")


@pytest.fixture
def dev(tmp_path, monkeypatch):
    """The program as a module, with a scratch folder as its checkout."""
    spec = spec_from_file_location("dev", ROOT / "infra" / "dev.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


@pytest.fixture
def checkout(tmp_path):
    """A copy of the parts that a new file may meet."""
    ignore = shutil.ignore_patterns("__pycache__", "end_to_end", "benchmarks")
    for name in ("flows", "tasks", "expectations", "policies", "tests", "infra"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=ignore)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def output_of(checkout: Path, *command: str) -> str:
    settings = {name: value for name, value in os.environ.items() if not name.startswith(("AUGMILL_", "PYTEST_"))}
    settings["PYTHONPATH"] = str(checkout / "infra" / "checkout")
    run = [sys.executable, "-m", *command]
    done = subprocess.run(run, cwd=checkout, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    return done.stdout


def in_house_style(checkout: Path, *files: str) -> None:
    output_of(checkout, "ruff", "check", "--no-cache", *files)
    output_of(checkout, "ruff", "format", "--no-cache", "--check", *files)


@pytest.mark.parametrize(("modality", "laws"), [("tabular", "table"), ("image", "image")])
def test_a_new_transform_obeys_the_laws(dev, checkout, capfd, modality, laws):
    dev.main(["new", "transform", f"{modality}.crispen"])
    code, test = f"tasks/transforms/{modality}/crispen.py", f"tests/tasks/transforms/{modality}/test_crispen.py"
    lines = capfd.readouterr().err.splitlines()
    assert lines[:2] == [f"Wrote {code}.", f"Wrote {test}."]
    assert [line.split()[0] for line in lines[2:]] == ["Next:", "Then:"]
    assert f"tests/contracts/test_{laws}_transforms.py {test}" in lines[3]
    tests = (f"tests/contracts/test_{laws}_transforms.py", "tests/tasks/transforms/test_magnitudes.py", test)
    passed = output_of(checkout, *PYTEST, "-k", "crispen", *tests)
    assert int(passed.splitlines()[-1].split()[0]) > 10
    in_house_style(checkout, code, test)


def test_a_new_expectation_passes_its_test(dev, checkout):
    dev.main(["new", "expectation", "enough_light"])
    code, test = "expectations/expect_enough_light.py", "tests/expectations/test_expect_enough_light.py"
    assert "class ExpectEnoughLight(" in (checkout / code).read_text()
    output_of(checkout, *PYTEST, test)
    in_house_style(checkout, code, test)


def test_a_new_dataset_is_found_faultless_by_lint(dev, checkout):
    dev.main(["new", "dataset", "my-cellar"])
    assert (checkout / "expectations" / "my-cellar.yaml").exists()
    passed = output_of(checkout, *PYTEST, "-k", "my-cellar", "tests/contracts/test_policies.py")
    assert passed.splitlines()[-1].startswith("2 passed")


def test_nothing_is_overwritten_and_nothing_is_written_by_half(dev, tmp_path):
    test = tmp_path / "tests" / "tasks" / "transforms" / "image" / "test_crispen.py"
    test.parent.mkdir(parents=True)
    test.write_text("mine\n")
    with pytest.raises(SystemExit, match=r"test_crispen\.py exists already; nothing was written"):
        dev.main(["new", "transform", "image.crispen"])
    assert test.read_text() == "mine\n"
    assert not (tmp_path / "tasks").exists()


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        *(("transform", name) for name in ("jitter", "sound.echo", "tabular.Jitter", "image_test.a", "image.")),
        *(("expectation", name) for name in ("Moon", "a-b", "../a")),
        *(("dataset", name) for name in ("My_data", "../a", "-a")),
    ],
)
def test_a_name_that_nothing_could_be_called_by_is_refused(dev, tmp_path, kind, name):
    with pytest.raises(SystemExit, match=f"^{name} is no "):
        dev.main(["new", kind, name])
    assert list(tmp_path.iterdir()) == []


def test_a_new_thing_of_no_kind_gets_the_usage(dev):
    with pytest.raises(SystemExit, match="new transform"):
        dev.main(["new", "planet", "mars"])
