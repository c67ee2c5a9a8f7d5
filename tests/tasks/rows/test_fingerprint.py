"""The fingerprint: complete, stable, cheap, and able to say what differs."""

import subprocess
import sys

import cv2
import numpy
import sklearn

from augmill.tasks.rows.fingerprint import _cpu_flags, differences, fingerprint, fingerprint_hash


def test_it_names_the_versions_that_are_imported():
    facts = fingerprint()
    assert facts["numpy"] == numpy.__version__
    assert facts["scikit-learn"] == sklearn.__version__
    assert facts["opencv-python-headless"].startswith(cv2.__version__)
    assert facts["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert "absent" not in facts.values()


def test_it_names_the_instruction_sets_of_the_processor(monkeypatch):
    monkeypatch.setattr(
        "pathlib.Path.read_text", lambda _: "processor : 0\nflags\t: fpu sse4_2 avx avx2 fma\nbogomips : 1\n"
    )
    assert _cpu_flags() == "+sse4_2+avx+avx2+fma"


def test_a_caller_cannot_change_it():
    fingerprint()["numpy"] = "0"
    assert fingerprint()["numpy"] == numpy.__version__


def test_the_hash_is_the_same_in_another_process_which_imports_no_library_for_it():
    code = (
        "import sys; from augmill.tasks.rows.fingerprint import fingerprint_hash as h; print(h(), "
        "any(name in sys.modules for name in ('numpy', 'cv2', 'scipy', 'pyarrow', 'sklearn')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [fingerprint_hash(), "False"]


def test_differences_name_each_fact_that_is_not_equal():
    ours, theirs = {"numpy": "2.2.0", "cpu": "x86_64+avx2"}, {"numpy": "2.1.0", "cpu": "x86_64+avx2", "scipy": "1.0"}
    assert differences(ours, theirs) == ["numpy is 2.1.0 there and 2.2.0 here", "scipy is 1.0 there and absent here"]
    assert differences(ours, dict(ours)) == []
