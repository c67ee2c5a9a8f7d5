"""Makes the three dashboards: `python3 infra/grafana/dashboards.py` writes the files in dashboards/ anew.

A panel in `executive.py`, `on_call.py` and `debug.py` is a few lines; its JSON is sixty.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import debug
import executive
import on_call

FOLDER = Path(__file__).resolve().parent / "dashboards"


def main(folder: Path) -> None:
    """Write each dashboard to its file."""
    for module in (executive, on_call, debug):
        name = module.BOARD["uid"].removeprefix("augmill-")
        (folder / f"{name}.json").write_text(json.dumps(module.BOARD, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
