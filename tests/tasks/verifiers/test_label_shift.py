"""Whether labels move, and that noise does not decide it."""

import pyarrow as pa
import pytest

from augmill.tasks.verifiers.label_shift import Moves, Target, count, status, together

TARGET = Target(0.99, 0.5)
REAL = Moves(200, 200, 1, 1)


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        (Moves(200, 200, 0, 0), "consistent"),
        (Moves(200, 200, 4, 0), "consistent"),  # 2 %, where 0.8 % to 5 % may well be 1 %
        (Moves(200, 200, 8, 0), "degraded"),  # 4 %, and at least 2 %
        (Moves(20, 20, 1, 0), "consistent"),  # 5 %, of rows too few to tell
        (Moves(200, 200, 113, 0), "degraded"),  # 56 %, at least 49.6 %: not more than half for sure
        (Moves(200, 200, 114, 0), "inconsistent"),
        (Moves(200, 200, 0, 110), "consistent"),  # 55 %, at least 48 %
        (Moves(200, 200, 0, 120), "unfamiliar"),
        (Moves(200, 200, 8, 190), "degraded"),
        (Moves(10, 0, 0, 0), "too_few"),
    ],
)
def test_a_class_falls_short_only_where_the_interval_says_so(changed, wanted):
    assert status(changed, REAL, TARGET) == wanted


def test_what_real_rows_do_themselves_is_no_fault_of_the_change():
    assert status(Moves(200, 200, 12, 0), Moves(200, 200, 10, 0), TARGET) == "consistent"
    assert status(Moves(200, 200, 12, 0), Moves(200, 200, 0, 0), TARGET) == "degraded"
    assert status(Moves(200, 200, 12, 0), Moves(200, 0, 0, 0), TARGET) == "too_few"
    # A policy that lets a tenth of labels move does not mind 6 %.
    assert status(Moves(200, 200, 12, 0), REAL, Target(0.9, 0.5)) == "consistent"


def test_outcomes_are_counted_by_the_class_that_rows_were_of():
    outcome = pa.array(["consistent", "contradicted", "unfamiliar", "too_few", "contradicted"])
    found = count(outcome, pa.array(["a", "a", "a", "b", "c"]))
    assert found == {"a": Moves(3, 3, 1, 1), "b": Moves(1, 0, 0, 0), "c": Moves(1, 1, 1, 0)}
    assert together(found) == Moves(5, 4, 2, 1)
    assert found["b"].figures()["moved_share"] is None
    assert found["c"].figures()["interval"] == pytest.approx([0.2065, 1.0], abs=1e-4)
