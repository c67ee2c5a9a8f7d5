"""Rows that are no samples: each goes to quarantine with its reason; over the suite's budget nothing is published."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from pathlib import Path

import pytest

from augmill.policies.errors import DataError
from augmill.tasks.rows.provenance import ORIGIN, REAL
from tests.end_to_end.helpers import (
    HEADER,
    LOOSE,
    NOISE,
    go,
    picture_policy,
    policy,
    quarantined,
    rows,
    suite,
    table_of,
    table_rows,
    write_csv,
    write_digits,
)

SUITE = """
name: made
budget: {max_quarantine_share: SHARE}
expectations:
  - type: expect_column_values_to_be_in_set
    kwargs: {column: kind, value_set: [hay, straw, reed]}
  - type: expect_column_values_to_be_between
    kwargs: {column: grains, min_value: 0}
"""
GOOD = table_rows(0, 100)
TORN = {
    "a line that ends early": "1.5,2.5",
    "a line with a field too many": f"{GOOD[0]},again",
    "no label": "1.5,2.5,3,pale,",
    "an unknown class": "1.5,2.5,3,pale,grass",
    "a count below zero": "1.5,2.5,-3,pale,hay",
}


def reasons(lake: Path, dataset: str = "made") -> list[str]:
    return sorted(reason for row in quarantined(lake, dataset) for reason in row["reasons"])


def with_budget(folder: Path, share: float) -> dict[str, str]:
    # What the verifier contradicts is not what these tests count.
    judged = "{on_failure: warn, max_unfamiliar_share: 1.0, min_verifier_accuracy: 0.0}"
    checks = f"{{label_consistency: {judged}, distribution: {LOOSE}}}"
    return {**suite(folder, SUITE.replace("SHARE", str(share))), "checks": checks}


def test_rows_that_are_no_samples_are_kept_with_their_reasons(tmp_path):
    write_csv(tmp_path / "data.csv", [*GOOD[:50], *TORN.values(), *GOOD[50:]])
    version = go(policy(tmp_path, "data.csv", NOISE, **with_budget(tmp_path, 0.1)), tmp_path / "lake")
    real = [row for row in rows(tmp_path / "lake") if row[ORIGIN] == REAL]
    assert len(real) == len(GOOD)
    kept = {row["row"]: row for row in quarantined(tmp_path / "lake")}
    assert len(kept) == len(TORN) == version.manifest.figures["rows"]["quarantined"]
    assert {row["object"] for row in kept.values()} == {"data.csv"}
    found = reasons(tmp_path / "lake")
    assert len(found) == len(TORN)
    for word in ("field", "its label is missing", "kind", "grains"):
        assert any(word in reason for reason in found), (word, found)
    assert any("grass" in row["content"] for row in kept.values()), "the row itself must be there to be looked at"


def test_over_the_budget_nothing_is_published_and_the_rows_are_there_to_look_at(tmp_path):
    write_csv(tmp_path / "data.csv", [*GOOD, *TORN.values()])
    file = policy(tmp_path, "data.csv", NOISE, **with_budget(tmp_path, 0.04))
    with pytest.raises(DataError, match="5 of 105 rows failed") as caught:
        go(file, tmp_path / "lake")
    assert caught.value.exit_code == 3
    assert "max_quarantine_share" in caught.value.remedy
    assert table_of(tmp_path / "lake").versions() == []
    assert len(quarantined(tmp_path / "lake")) == len(TORN)


def test_a_row_without_its_key_is_quarantined(tmp_path):
    keyed = [f"{'' if number == 7 else number},{line}" for number, line in enumerate(GOOD)]
    write_csv(tmp_path / "data.csv", keyed, f"id,{HEADER}")
    go(policy(tmp_path, "data.csv", "", key="id"), tmp_path / "lake")
    assert reasons(tmp_path / "lake") == ["its key is missing"]
    assert len(rows(tmp_path / "lake")) == len(GOOD) - 1


def test_an_expectation_on_a_column_without_any_value_is_no_success(tmp_path):
    blank = [",".join([*line.split(",")[:2], "", *line.split(",")[3:]]) for line in GOOD]
    write_csv(tmp_path / "data.csv", blank)
    with pytest.raises(DataError, match=r"no row could be judged by expect_column_values_to_be_between on 'grains'"):
        go(policy(tmp_path, "data.csv", NOISE, **with_budget(tmp_path, 0.1)), tmp_path / "lake")
    assert table_of(tmp_path / "lake").versions() == []


def test_a_second_run_does_not_quarantine_the_same_rows_again(tmp_path):
    write_csv(tmp_path / "data.csv", [*GOOD, *TORN.values()])
    file = policy(tmp_path, "data.csv", NOISE, **with_budget(tmp_path, 0.01))
    for _ in range(2):
        with pytest.raises(DataError):
            go(file, tmp_path / "lake")
    policy(tmp_path, "data.csv", NOISE, **with_budget(tmp_path, 0.1))
    go(file, tmp_path / "lake")
    assert len(quarantined(tmp_path / "lake")) == len(TORN)


def test_a_value_of_another_type_than_the_last_version_had_is_a_quarantined_row(tmp_path):
    more = with_budget(tmp_path, 0.1)
    write_csv(tmp_path / "data.csv", GOOD)
    file = policy(tmp_path, "data.csv", NOISE, **more)
    go(file, tmp_path / "lake")
    write_csv(tmp_path / "data.csv", [*GOOD, "1.5,2.5,many,pale,hay"])
    go(file, tmp_path / "lake")
    assert len(rows(tmp_path / "lake", 1)) == len(rows(tmp_path / "lake", 0))
    (row,) = quarantined(tmp_path / "lake")
    assert "many" in row["content"]
    assert "grains" in row["reasons"][0]


def test_a_source_with_no_good_row_at_all_is_refused(tmp_path):
    write_csv(tmp_path / "data.csv", [TORN["no label"]] * 5)
    with pytest.raises(DataError, match="5 of 5 rows failed"):
        go(policy(tmp_path, "data.csv", NOISE, **with_budget(tmp_path, 1.0)), tmp_path / "lake")
    assert table_of(tmp_path / "lake").versions() == []


def black(width: int, height: int) -> bytes:
    """A whole black PNG: a few kilobytes that a decoder turns into width x height bytes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(1)
    lines = b"".join(packer.compress(bytes(width + 1)) for _ in range(height)) + packer.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


POSED = """
  - name: posed
    transforms: [{use: image.affine, params: {angle_degrees_range: [-5.0, 5.0]}, invariance: nobody writes straight}]
    amount: {copies: 1}
"""


def test_pictures_that_are_none_are_quarantined_and_never_decoded_whole(tmp_path):
    write_digits(tmp_path / "data", labels=(0, 1, 4), per_label=12)
    (tmp_path / "data" / "0" / "bomb.png").write_bytes(black(8_001, 8_001))
    (tmp_path / "data" / "1" / "text.png").write_bytes(b"this is no picture")
    (tmp_path / "data" / "4" / "empty.png").write_bytes(b"")
    whole = next((tmp_path / "data" / "4").glob("0*.png")).read_bytes()
    (tmp_path / "data" / "4" / "cut.png").write_bytes(whole[: len(whole) // 2])
    more = suite(tmp_path, "name: pictures\nbudget: {max_quarantine_share: 0.2}\n")
    version = go(picture_policy(tmp_path, "data", POSED, **more), tmp_path / "lake")
    kept = {row["object"]: row for row in quarantined(tmp_path / "lake", "pictures")}
    assert sorted(kept) == ["0/bomb.png", "1/text.png", "4/cut.png", "4/empty.png"]
    assert all(row["reasons"] and all(row["reasons"]) for row in kept.values())
    assert "absurd size: 8001 x 8001" in kept["0/bomb.png"]["reasons"][0]
    assert version.manifest.figures["rows"]["real"] == 36
    assert kept["1/text.png"]["payload"] == b"this is no picture"
    origins = Counter(row[ORIGIN] for row in rows(tmp_path / "lake", dataset="pictures"))
    assert origins["augmented"] > 0


def test_the_header_of_every_file_is_the_same_for_all(tmp_path):
    """A file that lost its header does not shift its values into columns of another name."""
    write_csv(tmp_path / "data" / "a.csv", GOOD[:50])
    (tmp_path / "data" / "b.csv").write_text("\n".join(GOOD[50:]) + "\n")
    with pytest.raises(DataError) as caught:
        go(policy(tmp_path, "data/*.csv", NOISE, **with_budget(tmp_path, 0.1)), tmp_path / "lake")
    assert HEADER.split(",")[0] not in GOOD[50]
    assert caught.value.exit_code == 3
    assert table_of(tmp_path / "lake").versions() == []


def test_a_file_that_is_not_utf8_at_all_is_said_to_be_so(tmp_path):
    """Every row is a fault: the message is their reason, not that there is no row."""
    lines = "\n".join([HEADER, *(line.replace("pale", "p\xe2le").replace("dark", "d\xe2rk") for line in GOOD)])
    (tmp_path / "data.csv").write_bytes(lines.encode("latin-1"))
    with pytest.raises(DataError, match=r"100 of 100 rows failed .*'colour' is not UTF-8 \(100\)"):
        go(policy(tmp_path, "data.csv", NOISE), tmp_path / "lake")


def test_a_manifest_whose_pictures_all_lie_elsewhere_says_so(tmp_path):
    (tmp_path / "list.csv").write_text("file,label\n/elsewhere/0.png,0\n/elsewhere/1.png,1\n")
    source = "{uri: list.csv, format: manifest}"
    with pytest.raises(DataError, match=r"2 of 2 rows failed .*lies outside the manifest's folder"):
        go(picture_policy(tmp_path, "", POSED, source=source), tmp_path / "lake")
