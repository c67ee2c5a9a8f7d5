"""Survey: one look at every real row that will be published - who it is, what it looks like - and the figures."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from augmill.policies.errors import DataError
from augmill.tasks.rows.hashing import hash_of
from augmill.tasks.rows.identity import by_id, content_words, key_words, like_columns
from augmill.tasks.rows.provenance import SAMPLE_ID
from augmill.tasks.runners.runner_contract import Runner
from augmill.tasks.runs.components import modality_of, modality_part
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import DataFile
from augmill.tasks.runs.map_shards import map_shards
from augmill.tasks.runs.row_index import bond_words, label_text, write_index
from augmill.tasks.runs.row_pool import user_columns


@dataclass(frozen=True)
class Profile:
    """Names of what was learned of the real rows, the files of those for training, and how many of each class.

    `likeness`: one table of all real rows, sorted by id: id, split, label, bond, group and appearance words.
    `index`: who of the training rows is where. `description`: their figures.
    """

    likeness: str
    index: str
    description: str
    paths: tuple[str, ...]
    real: Mapping[str, int]


def profile_rows(ctx: Context, runner: Runner, real: Sequence[DataFile]) -> Profile:
    """Look at the real rows. Raises DataError where there are none for training, or one class only."""
    train = [file for file in real if file.split == "train"]
    if not train:
        raise DataError("no row is left for training", "Check the source, the suite and the split fractions.")
    counts = Counter[str]()
    for file in train:
        counts.update(file.labels)
    if ctx.policy.label and len(counts) < 2:
        raise DataError(
            f"the label column {ctx.policy.label!r} has one class only: {', '.join(counts)}",
            "Check the column and the source; without two classes there is nothing to balance or to verify.",
        )
    likeness = f"likeness/{_name_of(ctx, [file.path for file in real])}"
    paths = tuple(file.path for file in train)
    description = f"describe/{_name_of(ctx, paths)}"
    if not (ctx.work.exists(f"{likeness}.parquet") and ctx.work.exists(f"{description}.json")):
        parts = map_shards(runner, "look", partial(look_at, ctx), list(real), weight=lambda file: file.rows)
        looks = pa.concat_tables([ctx.work.read_table(f"{part}.parquet") for part in parts])
        ctx.work.write_table(f"{likeness}.parquet", by_id(looks, "sample_id"))
        tallies = [_read(ctx, part) for part, file in zip(parts, real, strict=True) if file.split == "train"]
        ctx.once_json(description, lambda: modality_of(ctx).merge(ctx.policy, tallies))
    return Profile(likeness, write_index(ctx, train), description, paths, dict(sorted(counts.items())))


def read_description(ctx: Context, surveyed: Profile) -> dict[str, Any]:
    """The figures of the training rows."""
    return _read(ctx, surveyed.description)


def look_at(ctx: Context, file: DataFile) -> str:
    """Worker: what one file's rows look like, and their tally if they are for training, from what is published."""
    name = f"likeness/{_name_of(ctx, ['file', file.path])}"
    if not ctx.work.exists(f"{name}.parquet"):
        rows = ctx.table.read_table(file.path)
        if file.split == "train":
            ctx.once_json(name, lambda: modality_of(ctx).tally(ctx.policy, user_columns(rows)))
        ctx.work.write_table(f"{name}.parquet", _looks(ctx, file.split, rows))
    return name


def _looks(ctx: Context, split: str, rows: pa.Table) -> pa.Table:
    words = modality_of(ctx).appearance(ctx.policy, rows)
    group = ctx.policy.split.group
    return pa.table(
        {
            "sample_id": rows[SAMPLE_ID],
            "split": pa.repeat(split, rows.num_rows),
            "label": label_text(rows, ctx.policy.label),
            "bond": bond_words(content_words(rows, like_columns(ctx.policy, rows.column_names))),
            "group": key_words(rows[group])[:, 0] if group else np.zeros(rows.num_rows, dtype=np.uint64),
            "look0": words[:, 0],
            "look1": words[:, 1],
        }
    )


def _read(ctx: Context, name: str) -> dict[str, Any]:
    return dict(json.loads(ctx.work.read(f"{name}.json")))


def _name_of(ctx: Context, paths: Sequence[str]) -> str:
    policy = ctx.policy
    settings = [policy.label, policy.key, sorted(policy.ignore), policy.split.group, policy.split.column]
    return hash_of(list(paths), settings, ctx.code_version(look_at, write_index, modality_part(ctx)), ctx.fingerprint)
