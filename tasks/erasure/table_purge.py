"""Remove erased rows from tables that stay: from the quarantine table, and from the ledger of splits."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa

from augmill.policies.schema import Policy
from augmill.tasks.erasure.row_selection import ErasureRequest, ErasureSelection, is_selected
from augmill.tasks.rows.identity import content_words, key_words, like_columns
from augmill.tasks.rows.randomness import U64, mix, word_of
from augmill.tasks.runs.row_index import Rows, bond_words
from augmill.tasks.splits.ledger import load
from augmill.tasks.storage import quarantine_table
from augmill.tasks.storage.delta import NewFile
from augmill.tasks.versions.versions import Lake


def rewrite_quarantine(
    lake: Lake, dataset: str, request: ErasureRequest, selection: ErasureSelection, entry: str, *, at_ms: int
) -> int:
    """Write the quarantine table without the rows, and remove the files that held them; returns how many there were.

    A line that could not be parsed as a row is removed if it contains one of the values of the condition.
    """
    store = lake.store.sub(f"{dataset}.quarantine")
    table = quarantine_table.table(store)
    current = table.current()
    if current is None:
        return 0
    written, replaced, removed_rows = [], [], 0
    for file in current.files:
        rows = store.read_table(file.path)
        keep = [not is_selected(row, request, selection) for row in rows.to_pylist()]
        if not all(keep):
            # The file stays even if it is empty: its name shows that the shard has been quarantined.
            name = f"{quarantine_table.shard_of(file.path)}.{entry}.parquet"
            written.append(NewFile.of(store.write_table(name, rows.filter(pa.array(keep, pa.bool_()))), {}))
            replaced.append(file.path)
            removed_rows += keep.count(False)
    if written:
        table.publish(current.version, written, replaced, current.schema, {"augmill.purged": entry}, at_ms=at_ms)
    current_paths = {file.path for file in (table.current() or current).files}
    for old in [entry.name for entry in store.ages() if entry.name.endswith(".parquet")]:
        if old not in current_paths:
            store.delete(old)
    return removed_rows


def forget_bonds(lake: Lake, dataset: str, selection: ErasureSelection) -> int:
    """Remove bonds that only the erased rows have from the ledger's segments; returns how many entries were removed.

    The segments keep their names, because versions refer to them. A bond that a remaining row has too stays.
    """
    objects = lake.objects(dataset)
    now = lake.find(dataset).manifest
    policy = Policy.model_validate_json(json.dumps(now.policy))
    tables = [objects.sub("work").read_table(f"{shard['name']}.parquet") for shard in now.valid]
    stays = np.unique(Rows.load(policy, tables).bonds.ravel()) if tables else np.zeros(0, dtype=np.uint64)
    forgotten_bonds = np.setdiff1d(_bonds(policy, selection), stays)
    count = 0
    for entry in list(objects.list("ledger/")):
        ledger = load(objects, [entry.name])
        keep = ~np.isin(ledger.bonds, forgotten_bonds)
        if not keep.all():
            objects.write_table(entry.name, pa.table({"bond": ledger.bonds[keep], "split": ledger.splits[keep]}))
            count += int((~keep).sum())
    return count


def _bonds(policy: Policy, selection: ErasureSelection) -> U64:
    bonds = [np.zeros(0, dtype=np.uint64)]
    for names, tables in selection.rows.items():
        rows = pa.concat_tables(tables)
        bonds.append(bond_words(content_words(rows, names)))
        bonds.append(bond_words(content_words(rows, like_columns(policy, names))))
        if policy.key in names:
            with np.errstate(over="ignore"):
                bonds.append(mix(key_words(rows[policy.key])[:, 0] ^ word_of("key")))
    return np.unique(np.concatenate(bonds))
