"""A glance at the first rows of a source, for what lint cannot tell from the policy alone: personal data."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pyarrow as pa

from augmill.expectations.detector import in_columns
from augmill.policies.data_facts import DataFacts
from augmill.policies.schema import Policy
from augmill.tasks.sanitize.secret import Secret
from augmill.tasks.sources.pii_treatment import Treatment
from augmill.tasks.sources.roots import Roots
from augmill.tasks.sources.source_reader import discover, read, scan, types_of, units

ROWS = 10_000
MAX_UNITS = 3
_BYTES = 64 << 20


def facts_of_first_rows(policy: Policy, base: Path, key: Secret | None, roots: Roots | None = None) -> DataFacts:
    """Which columns of text hold what looks like personal data, after `source.pii`, in the first rows of a few files.

    Raises PolicyError, DataError or StorageError where the source cannot be read. Nothing is written.
    """
    treatment = Treatment.of(policy, key)
    work = units(discover(policy, base, roots=roots), policy, 1)[:MAX_UNITS]
    types = types_of(scan(unit, policy, treatment) for unit in work)
    texts = [name for name, kind in types.items() if kind == "string"]
    heads = [
        chunk.table.select([name for name in texts if name in chunk.table.column_names])
        for unit in work
        for chunk in islice(read(unit, types, policy, ROWS, _BYTES, treatment), 1)
    ]
    table = pa.concat_tables(heads, promote_options="default") if heads else pa.table({})
    return DataFacts(columns=dict.fromkeys(texts, "text"), personal=in_columns(table))
