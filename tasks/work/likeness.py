"""What the real rows of a version look like: content words, kept per file, to find copies and leaks by."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pyarrow as pa

from tasks.rows.hashing import hash_of
from tasks.rows.identity import by_id, content_words, key_words, like_columns
from tasks.rows.provenance import SAMPLE_ID
from tasks.runners.contract import Runner
from tasks.work.context import Context
from tasks.work.descriptors import DataFile
from tasks.work.index import bond_words, label_text
from tasks.work.parts import modality_code, modality_of
from tasks.work.shards import each


def look(ctx: Context, runner: Runner, files: Sequence[DataFile]) -> str:
    """Keep one table of all real rows, sorted by id: id, split, label, bond, group and appearance words."""
    name = f"likeness/{hash_of([file.path for file in files], _asked(ctx))}"
    if not ctx.work.exists(f"{name}.parquet"):
        parts = each(runner, "look", partial(look_at, ctx), list(files), weight=lambda file: file.rows)
        whole = pa.concat_tables([ctx.work.read_table(f"{part}.parquet") for part in parts])
        ctx.work.write_table(f"{name}.parquet", by_id(whole, "sample_id"))
    return name


def look_at(ctx: Context, file: DataFile) -> str:
    """Worker: the words of one file's rows, read from the file that will be published."""
    name = f"likeness/{hash_of('file', file.path, _asked(ctx))}"
    if not ctx.work.exists(f"{name}.parquet"):
        rows = ctx.table.read_table(file.path)
        bonds = bond_words(content_words(rows, like_columns(ctx.policy, rows.column_names)))
        looks = modality_of(ctx).appearance(ctx.policy, rows)
        group = ctx.policy.split.group
        table = pa.table(
            {
                "sample_id": rows[SAMPLE_ID],
                "split": pa.repeat(file.split, rows.num_rows),
                "label": label_text(rows, ctx.policy.label),
                "bond": bonds,
                "group": key_words(rows[group])[:, 0] if group else np.zeros(rows.num_rows, dtype=np.uint64),
                "look0": looks[:, 0],
                "look1": looks[:, 1],
            }
        )
        ctx.work.write_table(f"{name}.parquet", table)
    return name


def _asked(ctx: Context) -> list[object]:
    policy = ctx.policy
    return [
        policy.label,
        policy.key,
        sorted(policy.ignore),
        policy.split.group,
        policy.split.column,
        modality_code(ctx),
    ]
