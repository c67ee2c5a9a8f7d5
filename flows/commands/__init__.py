"""One file per command: `augmill NAME` is `NAME.py`, which defines `command`."""
