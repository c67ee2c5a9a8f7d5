import hashlib
import hmac
import json
import pickle

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from augmill.policies.errors import DataError, PolicyError
from augmill.policies.schema import Policy
from augmill.tasks.sanitize.secret import Secret
from augmill.tasks.sources.hash_cache import HashCache
from augmill.tasks.sources.pii_treatment import VALUE_WITHHELD, WITHHELD, Treatment
from augmill.tasks.sources.source_reader import discover, read, scan, types_of, units

KEY = b"a key of sixteen signs"
PII = {"email": "hash", "name": "drop", "note": "mask", "age": "hash"}
ROWS = [
    {"email": "ada@example.com", "name": "Ada", "note": "ring +44 7911 123456", "age": 36, "size": 1.5},
    {"email": "bob@example.com", "name": "Bob", "note": None, "age": 41, "size": 2.5},
    {"email": None, "name": "Cy", "note": "nothing here", "age": 36, "size": 3.5},
]


def digest(text):
    return hmac.new(KEY, text.encode(), hashlib.sha256).hexdigest()


WANTED = [
    {"email": digest("ada@example.com"), "note": "ring <phone>", "age": digest("36"), "size": 1.5},
    {"email": digest("bob@example.com"), "note": None, "age": digest("41"), "size": 2.5},
    {"email": None, "note": "nothing here", "age": digest("36"), "size": 3.5},
]


def write(folder, kind):
    file = folder / f"rows.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), file)
    elif kind == "jsonl":
        file.write_text("\n".join(map(json.dumps, ROWS)))
    else:
        lines = [",".join("" if value is None else str(value) for value in row.values()) for row in ROWS]
        file.write_text("\n".join([",".join(ROWS[0]), *lines]))
    return file


def read_all(file, pii=PII, types=None):
    policy = Policy.model_validate(
        {"dataset": "made", "modality": "tabular", "source": {"uri": file.name, "pii": pii}, "label": "size"}
    )
    treatment = Treatment.of(policy, Secret(KEY))
    with HashCache(file.parent / "hashes") as cache:
        found = discover(policy, file.parent, cache)
    work = units(found, policy, 1 << 20)
    scans = [scan(unit, policy, treatment) for unit in work]
    kinds = types_of(scans, types)
    chunks = [chunk for unit in work for chunk in read(unit, kinds, policy, 1000, 1 << 20, treatment)]
    rows = [row for chunk in chunks for row in chunk.table.to_pylist()]
    shown = [{name: value for name, value in row.items() if not name.startswith("augmill_")} for row in rows]
    return shown, [fault for chunk in chunks for fault in chunk.faults], scans


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_every_format_is_treated_alike(tmp_path, kind):
    rows, faults, scans = read_all(write(tmp_path, kind))
    assert rows == WANTED
    assert faults == []
    assert scans[0].columns == {"email": "string", "note": "string", "age": "string", "size": "float64"}
    assert sorted(scans[0].treated) == sorted(PII)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_line_that_is_no_row_is_kept_without_its_text(tmp_path, kind):
    file = write(tmp_path, kind)
    file.write_text(file.read_text() + '\n{"email": "eve@example.com", eve@example.com,Eve')
    rows, [fault], _ = read_all(file)
    assert len(rows) == len(ROWS)
    assert fault.text == WITHHELD
    assert "eve" not in fault.reason


def test_a_value_in_the_wrong_column_is_withheld(tmp_path):
    file = write(tmp_path, "csv")
    file.write_text(file.read_text() + "\nx,Eve,y,3,eve@example.com")
    _, [fault], _ = read_all(file, types={"size": "float64"})
    assert VALUE_WITHHELD in fault.reason
    assert "eve" not in (fault.reason + fault.text).lower()
    assert json.loads(fault.text)["email"] == digest("x")


def test_a_text_that_is_not_utf8_is_a_fault_that_does_not_show_it(tmp_path):
    names = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\4\0\0\0"), pa.py_buffer(b"\xffEve"))
    pq.write_table(pa.table({"note": names, "size": [1.5]}), tmp_path / "rows.parquet")
    rows, [fault], _ = read_all(tmp_path / "rows.parquet", {"note": "mask"})
    assert rows == []
    assert "not UTF-8" in fault.reason
    assert "Eve" not in fault.reason + fault.text


@pytest.mark.parametrize("how", ["hash", "mask"])
def test_lists_can_only_be_dropped(tmp_path, how):
    pq.write_table(pa.table({"tags": [["a"]], "size": [1.5]}), tmp_path / "rows.parquet")
    with pytest.raises(DataError, match=r"source.pii: column 'tags' is of type list<string>"):
        read_all(tmp_path / "rows.parquet", {"tags": how})
    assert read_all(tmp_path / "rows.parquet", {"tags": "drop"})[0] == [{"size": 1.5}]


def test_a_hash_takes_a_key_and_nothing_else_does():
    source = {"uri": "rows.csv", "pii": {"email": "hash"}}
    policy = Policy.model_validate({"dataset": "made", "modality": "tabular", "source": source})
    with pytest.raises(PolicyError, match="AUGMILL_PII_KEY is not set"):
        Treatment.of(policy, None)
    masking = policy.model_copy(
        update={"source": policy.source.model_copy(update={"pii": {"email": "mask", "name": "drop"}})}
    )
    assert Treatment.of(masking, None).key_fingerprint == Treatment.of(masking, Secret(KEY)).key_fingerprint == ""


def test_a_secret_shows_nowhere_and_survives_the_way_to_a_worker():
    secret = Secret(KEY)
    treatment = Treatment({"email": "hash"}, secret)
    for text in (repr(secret), str(secret), f"{secret}", repr(treatment), json.dumps(treatment.identity), repr(vars)):
        assert KEY.decode() not in text
    again = pickle.loads(pickle.dumps(secret))
    assert again == secret != Secret(KEY + b"!")
    assert again.digest(b"ada") == digest("ada")
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_the_columns_of_a_manifest_are_treated_and_its_broken_lines_withheld(tmp_path):
    (tmp_path / "a.png").write_bytes(b"any bytes")
    (tmp_path / "list.csv").write_text("file,label,patient,note\na.png,cat,Ada,ring +44 7911 123456\nb.png,cat,Eve,x\n")
    pii = {"patient": "hash", "note": "mask"}
    policy = Policy.model_validate(
        {"dataset": "made", "modality": "image", "label": "label"}
        | {"source": {"uri": "list.csv", "format": "manifest", "pii": pii}}
    )
    treatment = Treatment.of(policy, Secret(KEY))
    work = units(discover(policy, tmp_path), policy, 1 << 20)
    types = types_of(scan(unit, policy, treatment) for unit in work)
    chunks = [chunk for unit in work for chunk in read(unit, types, policy, 1000, 1 << 20, treatment)]
    (row,) = [row for chunk in chunks for row in chunk.table.to_pylist()]
    assert (row["patient"], row["note"], row["label"]) == (digest("Ada"), "ring <phone>", "cat")
    (fault,) = [fault for chunk in chunks for fault in chunk.faults]
    assert fault.text == WITHHELD
    assert "Eve" not in fault.reason
