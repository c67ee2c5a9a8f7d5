import json

import pyarrow as pa

from augmill.expectations.names import NO_PERSONAL_DATA
from augmill.tasks.rows.provenance import SOURCE, SOURCE_TYPE
from augmill.tasks.stages.quarantine_rows import quarantine_rows

ROWS = pa.table(
    {
        "note": ["write ada@mail.example", "write bob@mail.example"],
        "number": [4111111111111111, 2],
        SOURCE: pa.array([{"object": "a.csv", "sha256": "0", "row": row} for row in range(2)], SOURCE_TYPE),
    }
)


def test_a_row_refused_for_personal_data_is_kept_with_tokens_in_its_place():
    (name,) = NO_PERSONAL_DATA
    reasons = {0: ["its label is missing"], 1: [f"note: expected hold no personal data ({name})"]}
    kept = [json.loads(content) for content in quarantine_rows(ROWS, reasons, "validate")["content"].to_pylist()]
    assert kept == [
        {"note": "write ada@mail.example", "number": 4111111111111111},
        {"note": "write <email>", "number": 2},
    ]
