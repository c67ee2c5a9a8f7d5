"""The end of a run on a terminal: version, classes, checks, and where everything lies."""

from augmill.tasks.summaries.run_text import mlflow_link, summary

DOCUMENT = {
    "dataset": "oil-spill",
    "version": 12,
    "parent_version": 11,
    "table_uri": "/lake/oil-spill",
    "skipped": False,
    "rows": {
        "real": 937,
        "augmented": 0,
        "synthetic": 190,
        "quarantined": 2,
        "dropped": 1,
        "by_split_origin_label": {
            "train": {"real": {"0": 627, "1": 29}, "synthetic": {"1": 190}},
            "test": {"real": {"0": 134, "1": 6}},
        },
    },
    "checks": [
        {"name": "label_consistency_rate", "success": True, "observed": 0.99471234, "target": ">= 0.99"},
        {"name": "drop_share", "success": False, "observed": 0.2, "target": "<= 0.1", "on_failure": "warn"},
        {"name": "coverage", "success": False, "observed": None, "target": ">= 0", "error": "nothing to judge"},
    ],
    "mlflow": {"tracking_uri": "http://127.0.0.1:5000/", "experiment_id": "3", "run_id": "abc"},
    "seconds": 14.25,
}


def lines(document=DOCUMENT, **options):
    return [" ".join(line.split()) for line in summary(document, **options).splitlines()]


def test_the_first_line_is_the_version():
    assert lines()[0] == "oil-spill@12 published in 14.2 s, after oil-spill@11."


def test_rows_per_class_stand_before_and_after():
    found = lines()
    assert "class before + synthetic after share" in found
    assert "0 627 0 627 74.1%" in found
    assert "1 29 190 219 25.9%" in found


def test_rows_without_a_label_are_said_to_have_none():
    rows = {"by_split_origin_label": {"train": {"real": {"": 8}, "augmented": {"": 8}}}}
    assert "(no label) 8 8 16 100.0%" in lines({**DOCUMENT, "rows": rows})


def test_each_check_has_its_figure_and_its_target():
    found = lines()
    assert "ok label consistency rate 0.9947 >= 0.99" in found
    assert "warning drop share 0.2 <= 0.1" in found
    assert "FAILED coverage not measured >= 0" in found
    assert "nothing to judge" in found


def test_it_says_where_the_table_is_and_how_to_read_it():
    found = lines()
    assert "table /lake/oil-spill" in found
    assert 'read it polars.read_delta("/lake/oil-spill", version=12)' in found
    assert "rows 937 real, 190 synthetic, 2 quarantined, 1 dropped" in found


def test_the_mlflow_run_is_a_link_on_a_server_and_a_command_for_a_local_store():
    assert "MLflow http://127.0.0.1:5000/#/experiments/3/runs/abc?workflowType=machine_learning" in lines()
    local = mlflow_link({"tracking_uri": "sqlite:////home/a.db", "experiment_id": "1", "run_id": "abc"})
    assert local == "run abc in sqlite:////home/a.db; `augmill ui` opens it"


def test_a_record_that_waits_names_no_page():
    link = {"tracking_uri": "http://127.0.0.1:9", "experiment_id": None, "run_id": None, "spooled": "nobody answers"}
    assert mlflow_link(link) == "not recorded yet, the next run sends it: nobody answers"


def test_a_run_without_changes_says_so():
    [first, *_] = lines(DOCUMENT | {"skipped": True, "checks": []})
    assert first == "oil-spill@12 is up to date: nothing has changed, nothing was published in 14.2 s."


def test_names_in_square_brackets_are_text_and_not_styles():
    rows = {"by_split_origin_label": {"train": {"real": {"[bold]x[/bold]": 1}}}}
    assert "[bold]x[/bold] 1 1 100.0%" in lines(DOCUMENT | {"rows": rows})


def test_a_long_path_stays_on_one_line():
    uri = "/lake/" + "folder/" * 30 + "oil-spill"
    assert f"table {uri}" in lines(DOCUMENT | {"table_uri": uri}, width=60)


def test_without_colour_there_are_no_terminal_codes():
    assert "\x1b" not in summary(DOCUMENT)
    assert "\x1b" in summary(DOCUMENT, colour=True)


def test_classes_that_are_numbers_stand_in_the_order_of_numbers():
    rows = {"by_split_origin_label": {"train": {"real": {"10": 1, "9": 1, "hay": 2}}}}
    told = [line.partition(" ")[0] for line in lines(DOCUMENT | {"rows": rows, "checks": []})]
    assert told[told.index("class") :][:4] == ["class", "9", "10", "hay"]


def test_it_says_that_rows_without_a_class_are_not_judged_by_it():
    assert "labels not judged: no class" in lines({**DOCUMENT, "not_judged": "not judged: no class"})
    assert not any(line.startswith("labels") for line in lines())


def test_a_gate_shows_its_interval_and_its_parts():
    part = {"of": "step noise", "observed": -0.01, "interval": [-0.02, -0.005], "word": "hurt"}
    gate = {"name": "model_delta", "success": True, "observed": 0.02, "interval": [0.01, 0.03], "target": "> 0"}
    found = " ".join(lines({**DOCUMENT, "checks": [{**gate, "details": [part]}]}))
    assert "0.02 (0.01 to 0.03) > 0" in found
    assert "step noise hurt -0.01 (-0.02 to -0.005)" in found
