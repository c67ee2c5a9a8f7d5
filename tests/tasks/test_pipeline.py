"""One list of stages: what runs, what the flow draws, what the README shows, and where a dry run stops."""

import re
from pathlib import Path

import pytest

from augmill.flows.augment import TASKS, pipeline
from augmill.tasks.pipeline import STAGES, Results, run_until
from augmill.tasks.runners.thread import Runner
from augmill.tasks.runs.request import resolve_request
from augmill.tasks.runs.run import Run
from tests.end_to_end.helpers import GOOD, NOISE, policy, write_csv

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def request_of_a_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pipeline")
    write_csv(folder / "data" / "a.csv", GOOD)
    file = policy(folder, "data/*.csv", NOISE)
    return resolve_request(file, lake=str(folder / "lake"), home=folder / "home")


def test_the_flow_and_the_readme_draw_the_stages_in_the_order_they_run():
    picture = next(line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("raw data"))
    assert re.findall(r"\w+", picture.partition("►")[2]) == list(STAGES)
    assert re.findall(r"\w+", pipeline.__doc__.lower()) == list(STAGES)
    assert list(TASKS) == list(STAGES)


@pytest.mark.parametrize("last", ["ingest", "split", "augment"])
def test_stages_run_in_order_up_to_the_last_one_asked_for(request_of_a_run, last):
    names = []

    def note(stage):
        names.append(stage.__name__)
        return stage

    with Runner(1) as runner:
        results = run_until(last, Run(request_of_a_run, runner, "", "test"), note)
    assert names == list(STAGES)[: STAGES.index(last) + 1]
    assert results.scored is None
    assert (results.children is not None) == (last == "augment")


def test_results_of_an_earlier_call_are_gone_on_from(request_of_a_run):
    names = []

    def note(stage):
        names.append(stage.__name__)
        return stage

    with Runner(1) as runner:
        run = Run(request_of_a_run, runner, "", "test")
        earlier = run_until("validate", run)
        results = run_until("split", run, note, Results(raw=earlier.raw, valid=earlier.valid))
    assert names == ["split"]
    assert results.real.files
