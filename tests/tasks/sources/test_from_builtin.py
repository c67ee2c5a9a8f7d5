from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from augmill.policies.errors import PolicyError
from tests.tasks.sources.whole import policy_of, whole


@pytest.mark.parametrize(("name", "rows", "columns"), [("breast_cancer", 569, 31), ("wine", 178, 14), ("iris", 150, 5)])
def test_tables_have_their_features_and_a_target(name: str, rows: int, columns: int) -> None:
    read = whole(Path("/"), policy_of(f"builtin:{name}"))
    assert (len(read.rows), len(read.types)) == (rows, columns)
    assert read.types["target"] == "int64"
    assert set(read.types.values()) == {"float64", "int64"}
    assert read.places[-1] == (name, rows - 1)


def test_digits_are_pictures_with_labels() -> None:
    from sklearn.datasets import load_digits

    read = whole(Path("/"), policy_of("builtin:digits"))
    assert read.types == {"image": "payload", "label": "int64"}
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(row["image"]["bytes"]))) for row in read.rows])
    known = load_digits()
    assert pixels.dtype == np.uint8
    assert np.array_equal(np.rint(pixels / 255 * 16), known.images)
    assert pixels.max() == 255
    assert [row["label"] for row in read.rows] == known.target.tolist()


def test_shards_do_not_matter() -> None:
    at_once = whole(Path("/"), policy_of("builtin:iris"))
    assert whole(Path("/"), policy_of("builtin:iris"), shard_rows=7).table.equals(at_once.table)


def test_an_unknown_name_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="did you mean breast_cancer"):
        whole(tmp_path, policy_of("builtin:breast-cancer"))
    with pytest.raises(PolicyError, match="mixes builtin:"):
        whole(tmp_path, policy_of({"train": "builtin:iris", "test": "x.csv"}))


def test_finding_it_does_not_import_scikit_learn() -> None:
    code = (
        "import sys; from pathlib import Path; from augmill.policies.schema import Policy; "
        "from augmill.tasks.sources.source_reader import discover; "
        "p = Policy.model_validate({'dataset': 'd', 'modality': 'tabular', 'source': {'uri': 'builtin:wine'}}); "
        "assert discover(p, Path('/')).objects[0].bytes > 1000; assert 'sklearn' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).resolve().parents[3])
