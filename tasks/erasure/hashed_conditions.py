"""Translate a condition on raw values to columns that `source.pii` hashed: users give an address, not its hash."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa

from augmill.policies.errors import PolicyError
from augmill.tasks.rows.predicate import Condition, Joined, Literal, Test, columns
from augmill.tasks.runs.manifest import Manifest
from augmill.tasks.sanitize.secret import KEY_REMEDY, Secret


def with_hashes(condition: Condition, manifest: Manifest, key: Secret | None) -> Condition:
    """The condition with the hashes of its values added for hashed columns.

    Raises PolicyError if the key is missing or is not the key of the version, or if a hash is compared by order.
    """
    pii = manifest.policy["source"].get("pii") or {}
    hashed = [name for name in columns(condition) if pii.get(name) == "hash"]
    if not hashed:
        return condition
    if key is None:
        raise PolicyError(f"{', '.join(hashed)} is hashed, and AUGMILL_PII_KEY is not set.", KEY_REMEDY)
    if key.fingerprint != manifest.pii_key:
        raise PolicyError(
            f"AUGMILL_PII_KEY is not the key that {', '.join(hashed)} was hashed with"
            f" (key {manifest.pii_key}, now {key.fingerprint}).",
            "Set the key of the current version.",
        )
    return _with_digests(condition, hashed, key)


def _with_digests(condition: Condition, names: list[str], key: Secret) -> Condition:
    if isinstance(condition, Joined):
        return replace(condition, parts=tuple(_with_digests(part, names, key) for part in condition.parts))
    if condition.column not in names or condition.sign == "null":
        return condition
    if condition.sign not in ("=", "!="):
        raise PolicyError(
            f"{condition.column} is hashed, so that {condition.sign} says nothing of it", "Compare it with = or in."
        )
    # Versions from before the column was hashed hold the values themselves.
    digests = [key.digest(text.encode()) for value in condition.values for text in _spellings(value)]
    test = Test(
        condition.column, "=", tuple(dict.fromkeys([*condition.values, *((digest, digest) for digest in digests)]))
    )
    return test if condition.sign == "=" else Joined("not", (test,))


def _spellings(literal: Literal) -> list[str]:
    """The texts that were hashed if the value was in a column of texts, numbers or booleans."""
    typed, value = literal
    if isinstance(value, str):
        return [typed]
    if isinstance(value, bool):
        return list(dict.fromkeys([typed, str(value).lower()]))
    as_float = pa.scalar(float(value)).cast(pa.string()).as_py()
    integer_texts = [str(int(value))] if float(value).is_integer() else []
    return list(dict.fromkeys([typed, *integer_texts, as_float]))
