"""A condition on a hashed column finds what was hashed, however a number is spelled, and what was not hashed yet."""

import pyarrow as pa
import pytest

from augmill.tasks.erasure.hashed_conditions import with_hashes
from augmill.tasks.rows.predicate import mask, parse
from augmill.tasks.runs.manifest import Manifest
from augmill.tasks.sanitize.secret import Secret

KEY = Secret(b"correct horse battery staple 4711")


def manifest_of(**pii):
    facts = dict.fromkeys(Manifest.__dataclass_fields__)
    return Manifest(**(facts | {"policy": {"source": {"pii": pii}}, "pii_key": KEY.fingerprint}))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("n = 7003", ["7003"]),
        ("n = 7003.0", ["7003"]),
        ("n in (4.50, 8)", ["4.5"]),
        ("n = TRUE", ["true"]),
        ("n = 'TRUE'", []),
        ("n != 7003.0", ["4.5", "true"]),
        ("not n = 4.50", ["7003", "true"]),
    ],
)
def test_a_number_is_found_however_it_is_spelled(text, found):
    texts = ["7003", "4.5", "true", None]
    condition = with_hashes(parse(text), manifest_of(n="hash"), KEY)
    hashed = pa.table({"n": [one and KEY.digest(one.encode()) for one in texts]})
    assert pa.array(texts).filter(mask(condition, hashed).combine_chunks()).to_pylist() == found


def test_a_value_from_before_the_hashing_is_found():
    condition = with_hashes(parse("n = 7003"), manifest_of(n="hash"), KEY)
    assert mask(condition, pa.table({"n": [7003, 7004]})).to_pylist() == [True, False]
