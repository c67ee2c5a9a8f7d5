"""Log lines: JSON of one schema, from the flow and its workers, without secrets, in a file that does not grow."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from augmill.flows.cli import main
from augmill.flows.settings import settings
from augmill.flows.telemetry import logs
from augmill.flows.telemetry.logs import log_to
from augmill.policies.errors import PolicyError, StorageError
from augmill.tasks.runners import process, thread
from augmill.tasks.runners.progress_bar import progress
from augmill.tasks.telemetry.context_propagation import carried
from augmill.tasks.telemetry.spans import Scope, entered

LOG = logging.getLogger("augmill.test")
KNOWN = {"time", "level", "logger", "message", "run_id", "dataset", "stage", "shard", "process", "facts", "error"}


def lines() -> list[dict]:
    return [json.loads(line) for line in (settings().home / "augmill.log").read_text().splitlines()]


@pytest.fixture(autouse=True)
def _silent_again():
    yield
    for handler in [one for one in logging.getLogger("augmill").handlers if isinstance(one, logs.StderrHandler)]:
        logging.getLogger("augmill").removeHandler(handler)
    logs.PROGRESS.setLevel(logging.WARNING)


def shaky(item):
    """Fails once in a while, as a store does: the runner logs it, on whatever worker."""
    if not item["mark"].exists():
        item["mark"].touch()
        raise StorageError("s3://me:hunter2@host/x is away", "Wait.", transient=True)
    return item["name"]


@pytest.mark.parametrize("kind", [thread.Runner, process.Runner])
def test_lines_of_workers_say_which_run_stage_and_shard_they_are_of(kind, tmp_path, capfd):
    log_to(settings())
    items = [{"name": f"part-{number}", "mark": tmp_path / str(number)} for number in range(3)]
    with entered(Scope("r1", "made", "augment")), kind(2) as runner:
        assert runner.map(carried(shaky), items) == ["part-0", "part-1", "part-2"]
    told = lines()
    assert sorted(line["shard"] for line in told) == ["part-0", "part-1", "part-2"]
    assert {(line["run_id"], line["dataset"], line["stage"], line["level"]) for line in told} == {
        ("r1", "made", "augment", "warning")
    }
    assert {line["logger"] for line in told} == {"augmill.runners"}
    assert all(set(line) <= KNOWN and "hunter2" not in json.dumps(line) for line in told)
    assert "attempt 1 of 4" in told[0]["message"]
    assert capfd.readouterr() == ("", "")


def test_a_traceback_is_part_of_its_line_and_holds_no_secret():
    log_to(settings())
    try:
        raise ValueError("postgresql://me:hunter2@host/db\nsecond line")
    except ValueError:
        LOG.exception("what now")
    (line,) = lines()
    assert "ValueError" in line["error"]
    assert "second line" in line["error"]
    assert "hunter2" not in json.dumps(line)


def test_the_file_is_put_aside_and_few_of_them_are_kept(monkeypatch):
    monkeypatch.setattr(logs, "MOST_BYTES", 2000)
    log_to(settings())
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: LOG.info("line %d %s", number, "x" * 200), range(100)))
    kept = sorted(file.name for file in settings().home.glob("augmill.log*") if file.suffix != ".lock")
    assert kept in (
        ["augmill.log", "augmill.log.1", "augmill.log.2", "augmill.log.3"],
        ["augmill.log.1", "augmill.log.2", "augmill.log.3"],
    )
    assert max((settings().home / name).stat().st_size for name in kept) < 4000
    for name in kept:
        for line in (settings().home / name).read_text().splitlines():
            assert json.loads(line)["message"].startswith("line ")


def test_a_message_without_end_is_cut():
    log_to(settings())
    LOG.info("x" * 1_000_000)
    assert len((settings().home / "augmill.log").read_text()) < 20_000


def test_lines_on_standard_error_are_all_json_where_that_is_asked_for(monkeypatch, capfd):
    monkeypatch.setenv("AUGMILL_LOG_FORMAT", "json")
    log_to(settings())
    with entered(Scope("r1", "made", "augment")), progress("augment", 10.0) as bar:
        bar.advance(10)
    out, err = capfd.readouterr()
    (line,) = [json.loads(text) for text in err.splitlines()]
    assert (line["logger"], line["run_id"], out) == ("augmill.progress", "r1", "")


def test_lines_on_standard_error_are_for_people_where_that_is_asked_for(monkeypatch, capfd):
    monkeypatch.setenv("AUGMILL_LOG_FORMAT", "text")
    log_to(settings())
    with entered(Scope("r1", "made", "augment")):
        LOG.warning("look")
    assert capfd.readouterr().err.strip().endswith("WARNING [made augment] look")


def test_nothing_is_on_standard_error_unless_asked_for(capfd):
    log_to(settings())
    LOG.error("only in the file")
    assert capfd.readouterr() == ("", "")
    assert lines()[0]["message"] == "only in the file"


def test_another_format_is_refused_by_name(monkeypatch, capsys):
    monkeypatch.setenv("AUGMILL_LOG_FORMAT", "xml")
    with pytest.raises(PolicyError, match="AUGMILL_LOG_FORMAT must be one of text, json; it is 'xml'"):
        settings()
    assert main(["list"]) == 2
    assert "AUGMILL_LOG_FORMAT" in capsys.readouterr().err
