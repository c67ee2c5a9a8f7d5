import pytest

from augmill.tasks.review.imports import ROOT, Imports

TABULAR = ROOT / "tasks" / "transforms" / "tabular"


def names(files):
    return {file.relative_to(ROOT).as_posix() for file in files}


def test_a_transform_reaches_its_helpers_and_their_helpers_but_no_sibling():
    found = names(Imports().reached([TABULAR / "smote.py"]))
    assert "tasks/transforms/tabular/_neighbours.py" in found
    assert "tasks/rows/randomness.py" in found
    assert not {"tasks/transforms/tabular/adasyn.py", "tasks/dry_runs/plan.py"} & found
    assert "tasks/transforms/tabular/_neighbours.py" not in names(Imports().reached([TABULAR / "gaussian_noise.py"]))


@pytest.mark.parametrize(
    ("line", "reached"),
    [
        ("import augmill.tasks.a.b", True),
        ("from augmill.tasks.a import b", True),
        ("from augmill.tasks.a.b import name", True),
        ("def f():\n    from augmill.tasks.a import b", True),
        ("from .a import b", True),
        ("from . import a", False),
        ("from ..tasks.a import b", True),
        ("import augmill.tasks.a", False),
        ("import elsewhere.a.b", False),
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from augmill.tasks.a import b", False),
        ("import typing\nif typing.TYPE_CHECKING:\n    from augmill.tasks.a import b", False),
        ("not python (", False),
    ],
)
def test_every_way_to_import_is_seen(tmp_path, line, reached):
    inner = tmp_path / "tasks" / "a"
    inner.mkdir(parents=True)
    (inner / "b.py").write_text("")
    (tmp_path / "tasks" / "c.py").write_text(line)
    found = Imports(tmp_path).reached([tmp_path / "tasks" / "c.py"])
    assert (inner / "b.py" in found) == reached


def test_a_circle_ends_and_a_helper_that_is_gone_is_reached(tmp_path):
    (tmp_path / "tasks").mkdir()
    one, two, gone = (tmp_path / "tasks" / f"{name}.py" for name in ("one", "two", "gone"))
    one.write_text("from augmill.tasks import two")
    two.write_text("from augmill.tasks import one\nfrom augmill.tasks.gone import name")
    assert Imports(tmp_path).reached([one]) == {one, two}
    assert Imports(tmp_path, was_deleted=lambda file: file == gone).reached([one]) == {one, two, gone}
