"""The grammar of policies as a JSON Schema, for editors: `python -m augmill.policies.json_schema` rewrites the file."""

from __future__ import annotations

import json
from pathlib import Path

from augmill.policies.schema import Policy

FILE = Path(__file__).parent / "policy.schema.json"


def schema_text() -> str:
    """The schema as it stands in `policy.schema.json`."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Policy.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(schema_text(), encoding="utf-8")
