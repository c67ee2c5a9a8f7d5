import json

from augmill.policies.json_schema import FILE, schema_text
from augmill.policies.schema import Policy


def test_the_schema_file_is_in_step_with_the_models():
    assert FILE.read_text(encoding="utf-8") == schema_text(), "run: python -m augmill.policies.json_schema"


def test_the_schema_is_closed_and_names_every_key():
    schema = json.loads(FILE.read_text(encoding="utf-8"))
    assert set(schema["properties"]) == set(Policy.model_fields)
    assert schema["additionalProperties"] is False
    assert all(model["additionalProperties"] is False for model in schema["$defs"].values())
