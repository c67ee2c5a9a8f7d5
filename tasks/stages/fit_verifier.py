"""The verifier of a run: fitted once on real training rows, kept, and loaded by whoever judges children by it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.tasks.plugins import Located
from augmill.tasks.rows.arrays import packed, unpacked
from augmill.tasks.rows.hashing import hash_of
from augmill.tasks.runs.components import modality_of, modality_part, verifier_of
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.row_pool import by_file
from augmill.tasks.stages.profile import Profile
from augmill.tasks.storage.store import Store
from augmill.tasks.verifiers import conformal, folds


@dataclass(frozen=True)
class VerifierItem:
    """The verifier, to be fitted in a worker on what was surveyed."""

    index: str
    description: str
    likeness: str
    rows: int

    @property
    def name(self) -> str:
        """What messages call this piece of work."""
        return "verifier"


def verifier_item(ctx: Context, surveyed: Profile) -> VerifierItem | None:
    """What is to be fitted; None where rows have no label to verify, or no children are made."""
    if ctx.policy.label is None or not ctx.policy.steps:
        return None
    rows = min(sum(surveyed.real.values()), folds.MAX_ROWS)
    return VerifierItem(surveyed.index, surveyed.description, surveyed.likeness, rows)


def fit_verifier(ctx: Context, item: VerifierItem) -> str:
    """Worker: fit the verifier on real training rows, once; returns its name."""
    alpha, seed = ctx.policy.checks.label_consistency.alpha, ctx.policy.seed
    made_from = [ctx.code_version(fit_verifier, verifier_of(ctx), modality_part(ctx)), ctx.fingerprint]
    name = f"verifier/{hash_of(made_from, item.index, item.likeness, item.description, alpha, seed)}"
    if not ctx.work.exists(f"{name}.npz"):
        places = ctx.work.read_table(f"{item.index}.parquet")
        ids, labels = places["sample_id"].to_pylist(), places["label"].to_pylist()
        groups = groups_of(ctx, item.likeness, places["sample_id"].combine_chunks())
        names = groups.to_pylist() if groups is not None else None
        chosen = folds.select(ids, labels, seed, names)
        rows = by_file(ctx.table, places)(chosen)
        features = modality_of(ctx).features(json.loads(ctx.work.read(f"{item.description}.json")), rows)
        chosen_labels = [labels[at] for at in chosen]
        together = [names[at] for at in chosen] if names is not None else None
        verifier = verifier_of(ctx).module.fit(
            features, chosen_labels, [ids[at] for at in chosen], alpha, seed, together
        )
        keep_sample(ctx, name, features, chosen_labels)
        ctx.work.write(f"{name}.npz", verifier.to_bytes())
    return name


def load_verifier(ctx: Context, name: str) -> conformal.Verifier:
    """The fitted verifier."""
    return _verifier(ctx.work, name, verifier_of(ctx))


@lru_cache(maxsize=2)
def _verifier(store: Store, name: str, kind: Located) -> conformal.Verifier:
    verifier: conformal.Verifier = kind.module.Verifier.from_bytes(store.read(f"{name}.npz"))
    return verifier


def groups_of(ctx: Context, likeness: str, ids: pa.Array) -> pa.Array | None:
    """The group of each row as text, its own id where it has none; None where the policy names no group.

    The verifier leaves out whole groups: a model that has seen a parent's sibling has nearly seen the parent.
    """
    if ctx.policy.split.group is None:
        return None
    table = ctx.work.read_table(f"{likeness}.parquet", columns=["sample_id", "group"]).combine_chunks()
    group = table["group"].combine_chunks().take(pc.index_in(ids, table["sample_id"].combine_chunks()))
    return pc.if_else(pc.equal(group, pa.scalar(0, group.type)), ids, pc.cast(group, pa.string()))


def keep_sample(ctx: Context, name: str, features: NDArray[np.float64], labels: Sequence[str]) -> None:
    """Keep features of some rows, with their labels, beside a verifier or a shard of scores."""
    sample = {"features": features, "labels": np.asarray(labels, dtype=np.str_)}
    ctx.work.write(f"{name}.sample.npz", packed(sample))


def read_sample(ctx: Context, name: str) -> dict[str, NDArray[Any]]:
    """What `keep_sample` kept."""
    return unpacked(ctx.work.read(f"{name}.sample.npz"))
