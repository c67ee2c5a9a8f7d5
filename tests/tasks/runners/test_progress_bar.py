"""Progress: lines in a log, a bar on a terminal."""

import io
from types import SimpleNamespace

from augmill.tasks.runners import progress_bar as module
from augmill.tasks.runners.progress_bar import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def clock(monkeypatch, *times):
    """A clock of the module alone: other threads of this process, Dask's among them, keep the real one."""
    ticks = iter(times)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(ticks)))


def test_a_log_gets_a_line_every_few_seconds_and_one_at_the_end(monkeypatch):
    clock(monkeypatch, 0.0, 1.0, 10.0, 12.0, 20.0)
    out = io.StringIO()
    with progress("augment", 4000, stream=out) as bar:
        bar.advance(500)
        bar.advance(1500)
        bar.advance(2000)
    assert out.getvalue().splitlines() == [
        "augment: 2,000 of 4,000 rows, 200/s, 10 s left",
        "augment: 4,000 rows in 20.0 s",
    ]


def test_a_terminal_gets_a_bar_with_count_rate_and_unit():
    out = Terminal()
    with progress("augment", 4000, "pictures", stream=out) as bar:
        bar.advance(4000)
    assert "augment" in out.getvalue()
    assert "4,000/4,000 pictures" in out.getvalue()
    assert "/s" in out.getvalue()


def test_standard_error_is_where_it_goes(capsys):
    with progress("split", 1) as bar:
        bar.advance()
    captured = capsys.readouterr()
    assert (captured.out, captured.err.startswith("split: 1 rows in")) == ("", True)
