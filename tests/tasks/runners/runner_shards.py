"""What the runners' tests run as shards; each item is a small dict, as in the pipeline."""

import os
import signal
import time
from pathlib import Path

from augmill.policies.errors import DataError, StorageError
from augmill.tasks.modalities._image_opencv import load_opencv


def square(item):
    time.sleep(item.get("seconds", 0.0))
    return item["value"] ** 2


def process_id(item):
    return os.getpid()


def environment(item):
    return os.environ.get(item["variable"])


def is_warm(item):
    return item["mark"] in os.environ


def warm_up(mark):
    os.environ[mark] = "warm"


def fails_to_warm_up():
    raise ImportError("no such library here")


def opencv_threads(item):
    load_opencv()
    import cv2

    return cv2.getNumThreads()


def _count(item) -> int:
    """How often this shard has been started, this time included."""
    file = Path(item["folder"]) / item["name"]
    with file.open("a") as log:
        log.write("x")
    return file.stat().st_size


def kills_its_worker(item):
    if _count(item) <= item["kills"]:
        time.sleep(item.get("seconds", 0.0))
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.02)
    return item["name"]


def fails_transiently(item):
    if _count(item) <= item["failures"]:
        raise StorageError("the store is slow", "Wait.", transient=item["transient"])
    return item["name"]


def bad_data(item):
    raise DataError("class 3 has one row", "Give it two.", {"rows": [7]})


def bug(item):
    raise ValueError("not what was expected\nsecond line")


def full_disk(item):
    raise OSError(28, "No space left on device")


def not_picklable(item):
    return lambda: None


def sleeps(item):
    (Path(item["folder"]) / f"{os.getpid()}.pid").touch()
    time.sleep(600)
