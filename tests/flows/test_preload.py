"""What a worker imports before its first shard: what the policy's modality and transforms take, and no more."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CODE = """
import pickle, sys
from functools import partial
from pathlib import Path
from augmill.tasks.runs.request import resolve_request
from augmill.flows.preload import warm_worker
asked = resolve_request(Path(sys.argv[1]), lake=sys.argv[2], home=Path(sys.argv[2]))
before = {"albumentations", "cv2"} & set(sys.modules)
pickle.loads(pickle.dumps(partial(warm_worker, asked.ctx)))()
print(sorted(before), sorted({"albumentations", "cv2", "mlflow", "prefect"} & set(sys.modules)))
"""


@pytest.mark.parametrize(("policy", "loaded"), [("digits", ["albumentations", "cv2"]), ("breast-cancer", [])])
def test_image_libraries_are_imported_for_pictures_only(policy, loaded, tmp_path):
    arguments = [sys.executable, "-c", CODE, str(ROOT / "policies" / f"{policy}.yaml"), str(tmp_path)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == f"[] {loaded}"
