"""Policies and suites are data, never code: whatever reads one survives every attack that YAML is known for."""

from __future__ import annotations

import contextlib
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from augmill.expectations.suite import load_suite
from augmill.flows.cli import main
from augmill.flows.run_events import dataset_of
from augmill.policies.errors import PolicyError
from augmill.policies.load import load
from augmill.policies.yaml_source import MAX_BYTES
from augmill.tasks.transforms.catalogue import Catalogue
from tests.end_to_end.helpers import policy

CATALOGUE = Catalogue()
TAGS = {
    "apply": "!!python/object/apply:os.system ['touch MARK']",
    "new": "!!python/object/new:os.system ['touch MARK']",
    "subprocess": "!!python/object/apply:subprocess.check_output [[touch, MARK]]",
    "eval": "!!python/object/apply:builtins.eval [\"open('MARK', 'w')\"]",
    "exec": "!!python/object/apply:builtins.exec [\"open('MARK', 'w')\"]",
    "import": "!!python/object/apply:importlib.import_module [antigravity]",
    "module": "!!python/module:os",
    "name": "!!python/name:os.system",
    "object": "!!python/object:collections.OrderedDict {}",
    "state": "!!python/object/new:type {args: [z, !!python/tuple [], {}], state: {a: 1}}",
    "tuple": "!!python/tuple [1, 2]",
    "bytes": "!!python/bytes YQ==",
    "binary": "!!binary YQ==",
    "set": "!!set {a, b}",
    "omap": "!!omap [a: 1]",
    "timestamp": "!!timestamp 2026-01-01",
    "own": "!include /etc/passwd",
    "env": "!ENV ${AWS_SECRET_ACCESS_KEY}",
    "verbatim": "!<tag:yaml.org,2002:python/object/apply:os.system> ['touch MARK']",
}
PLACES = ("dataset: {}", "source: {{uri: {}}}", "name: {}", "{}", "? {}\n: 1")
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
BOMBS = {
    "billion laughs": BOMB,
    "merge keys": MERGES,
    "endless": "a: &a [*a]\n",
    "deep flow lists": "a: " + "[" * 100_000,
    "deep flow maps": "{a: " * 50_000,
    "deep block": "\n".join("  " * depth + "a:" for depth in range(1_000)),
    "deep dashes": "- " * 100_000 + "a\n",
    "many documents": "--- a\n" * 10_000,
    "many keys": "".join(f"k{number}: 1\n" for number in range(60_000)),
    "a long number": "seed: " + "9" * 500_000,
    "a long word": "dataset: " + "a" * (MAX_BYTES - 10),
    "a long key": f"? {'a' * 100_000}\n: 1\n",
    "many anchors": "".join(f"k{number}: &a{number} 1\n" for number in range(30_000)),
    "many tags": "a: [" + "!!python/none x, " * 20_000 + "]",
    "a null byte": "dataset: a\0b\n",
    "all blank": " " * MAX_BYTES,
    "larger than allowed": "#" * (MAX_BYTES + 1),
}
SECONDS = 20.0  # of CPU; the worst takes half a second
BYTES = 500 * 2**20


def _load_policy(file: Path) -> None:
    with pytest.raises(PolicyError) as refused:
        load(file, CATALOGUE)
    assert len(str(refused.value)) < 50 * 2**20


def _load_suite(file: Path) -> None:
    with pytest.raises(PolicyError):
        load_suite(file)


def _name(file: Path) -> None:
    assert isinstance(dataset_of(file), str)


def _lint(file: Path) -> None:
    assert main(["lint", str(file)]) == 2


READERS: dict[str, Callable[[Path], None]] = {
    "policy": _load_policy,
    "suite": _load_suite,
    "name": _name,
    "lint": _lint,
}


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> Callable[[Path], None]:
    return READERS[request.param]


@pytest.fixture
def bounded() -> Iterator[None]:
    """Fail what took longer, or more memory, than any text of a mebibyte may cost."""
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.process_time() - began < SECONDS
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < BYTES


@pytest.mark.parametrize("tag", TAGS)
def test_no_tag_makes_anything_or_runs_anything(tmp_path, reader, tag):
    marker = tmp_path / "ran"
    file = tmp_path / "policy.yaml"
    for place in PLACES:
        file.write_text(place.format(TAGS[tag].replace("MARK", str(marker))) + "\n")
        reader(file)
    assert not marker.exists()


@pytest.mark.parametrize("bomb", BOMBS)
def test_no_text_is_slow_or_large_to_read(tmp_path, reader, bomb, bounded):
    file = tmp_path / "policy.yaml"
    file.write_text(BOMBS[bomb])
    reader(file)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
def test_a_device_without_end_is_no_policy(reader, device, bounded):
    reader(Path(device))


def test_a_pipe_without_end_is_no_policy(tmp_path, reader, bounded):
    pipe = tmp_path / "policy.yaml"
    os.mkfifo(pipe)

    def pour() -> None:
        with contextlib.suppress(BrokenPipeError), pipe.open("wb") as opened:
            while True:
                opened.write(b"#" * 65536)

    pouring = threading.Thread(target=pour)
    pouring.start()
    reader(pipe)
    pouring.join(10)
    assert not pouring.is_alive()


def test_a_policy_that_is_a_link_out_of_its_folder_is_refused_and_not_quoted(tmp_path, reader, capsys):
    (tmp_path / "policies").mkdir()
    (tmp_path / "secret.env").write_text("password: hunter2\ndataset: hunter2\n")
    link = tmp_path / "policies" / "policy.yaml"
    link.symlink_to(tmp_path / "secret.env")
    if reader is not _load_suite:
        reader(link)
        assert "hunter2" not in str(capsys.readouterr())
    with pytest.raises(PolicyError, match="has 1 fault") as refused:
        load(link, CATALOGUE)
    assert "hunter2" not in str(refused.value)
    assert "a link that leads out of" in str(refused.value)
    assert dataset_of(link) != "hunter2"


def test_a_policy_that_is_a_link_within_its_folder_is_read(tmp_path):
    (tmp_path / "..data").mkdir()  # as Kubernetes mounts a ConfigMap
    policy(tmp_path / "..data", "x.csv", dataset="mounted")
    (tmp_path / "policy.yaml").symlink_to("..data/policy.yaml")
    assert load(tmp_path / "policy.yaml", CATALOGUE).policy.dataset == "mounted"


def test_links_in_a_circle_are_no_policy(tmp_path, reader):
    (tmp_path / "policy.yaml").symlink_to("other.yaml")
    (tmp_path / "other.yaml").symlink_to("policy.yaml")
    reader(tmp_path / "policy.yaml")


@pytest.mark.parametrize("place", [r'source: {uri: "a\0b.csv"}', r'description: "\0"', r'"a\0": 1'])
def test_a_null_character_is_refused_where_it_stands(tmp_path, place):
    with pytest.raises(PolicyError, match="null character") as refused:
        load(_written(tmp_path, f"dataset: a\nmodality: tabular\n{place}\n"), CATALOGUE)
    assert {finding.line for finding in refused.value.findings if "null" in finding.message} == {3}


def _written(folder: Path, text: str) -> Path:
    file = folder / "policy.yaml"
    file.write_text(text)
    return file


def test_a_suite_that_is_a_link_out_of_its_folder_is_refused(tmp_path):
    (tmp_path / "expectations").mkdir()
    (tmp_path / "policies").mkdir()
    (tmp_path / "secret.yaml").write_text("password: hunter2\n")
    (tmp_path / "expectations" / "mine.yaml").symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(PolicyError, match="a link that leads out of") as refused:
        load(policy(tmp_path / "policies", "x.csv", expectations="mine"), CATALOGUE)
    assert "hunter2" not in str(refused.value)
    (tmp_path / "expectations" / "real").mkdir()  # as Kubernetes mounts a ConfigMap: links within the folder
    (tmp_path / "expectations" / "real" / "mine.yaml").write_text("name: mine\n")
    (tmp_path / "expectations" / "mine.yaml").unlink()
    (tmp_path / "expectations" / "mine.yaml").symlink_to("real/mine.yaml")
    assert load(tmp_path / "policies" / "policy.yaml", CATALOGUE).suite is not None
