"""What the gates are shown of a version to be: samples of its real and new rows, their features, and its counts.

Test rows are never read. Memory is bounded by the samples, not by the data: children are read shard by shard.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.policies.schema import Policy, Split, Step
from augmill.tasks.gates.gate_contract import F64, U64, Sample
from augmill.tasks.rows.identity import words_of
from augmill.tasks.rows.provenance import OPS, PARENT_IDS, PAYLOAD_TYPE, REAL, RECIPE_HASH, SAMPLE_ID, SEED, SOURCE
from augmill.tasks.runners.runner_contract import Item, Result, Runner
from augmill.tasks.runs.components import modality_of, ops_of
from augmill.tasks.runs.context import Context
from augmill.tasks.runs.descriptors import AcceptedShard, DataFile
from augmill.tasks.runs.row_index import label_text, write_index
from augmill.tasks.runs.row_pool import by_file
from augmill.tasks.stages import descendants
from augmill.tasks.stages.fit import origin_of
from augmill.tasks.stats.row_sample import MOST_ROWS, bottom_k, quotas
from augmill.tasks.telemetry.context_propagation import carried

FEATURES_AT_ONCE = 2_048
FEWEST_CHILDREN = 50
"""With fewer children of sampled rows than that, a step and class gives others as well."""
HEAD = 1_000
NOT_SHOWN = (OPS, SEED, RECIPE_HASH, SOURCE)
ALL = np.uint64(2**64 - 1)


@dataclass(frozen=True)
class Evidence:
    """The rows of a run that is about to publish; see `augmill.tasks.gates.gate_contract.Evidence`.

    `indexes` name who is in the pools that steps were fitted on.
    """

    ctx: Context
    files: tuple[DataFile, ...]
    accepted: tuple[AcceptedShard, ...]
    description: str
    cpu_seconds: float
    runner: Runner | None = None
    production: pa.Table = field(default_factory=lambda: pa.table({}))
    indexes: tuple[str, ...] = ()
    readable: float = 1.0

    @property
    def policy(self) -> Policy:
        """The policy the version is made by."""
        return self.ctx.policy

    @cached_property
    def train(self) -> Sample:
        """Real training rows."""
        return self._of_split("train")

    @cached_property
    def validation(self) -> Sample:
        """Real validation rows."""
        return self._of_split("validation")

    @cached_property
    def children(self) -> Sample:
        """New rows that will be published, of all steps: children of rows in `train`, where there are enough."""
        quota_by_stratum = quotas(self.made)
        last = {stratum: self._last(stratum, count) for stratum, count in quota_by_stratum.items()}
        looked = []
        for item in self._kept:
            step, label = item.shard.step, item.shard.label
            words, alone = last[step, label]
            rows = self._up_to(item, words, None if alone else self._known)
            if rows.num_rows:
                looked.append(self._looked_at(rows, step, label))
        return _sample(looked, self.made)

    @cached_property
    def real(self) -> Mapping[str, int]:
        """Real training rows by class."""
        return self._counts("train")

    @cached_property
    def made(self) -> Mapping[tuple[str, str], int]:
        """New rows that will be published, by step and class."""
        counts = Counter[tuple[str, str]]()
        for item in self.accepted:
            if item.kept:
                counts[item.shard.step, item.shard.label] += item.kept
        return dict(sorted(counts.items()))

    @property
    def made_bytes(self) -> int:
        """Bytes of the files that hold the new rows; what was dropped counts by its share."""
        return round(sum(item.shard.bytes * item.kept / item.shard.rows for item in self.accepted if item.kept))

    def load(self) -> None:
        """Read the samples now."""
        for sample in (self.train, self.validation, self.children):
            len(sample)

    def map(self, function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Results in the order of `items`, from the run's workers."""
        return [function(item) for item in items] if self.runner is None else self.runner.map(carried(function), items)

    @property
    def feature_columns(self) -> Sequence[str]:
        """Columns that features are made of."""
        columns: list[str] = modality_of(self.ctx).feature_columns(self._described)
        return columns

    @cached_property
    def copies(self) -> Mapping[str, Sequence[str]]:
        """Ids of all new rows that look like a real training row, by step."""
        return descendants.copies(self.ctx, self._files("train"), self._kept, self.rows_of)

    @cached_property
    def epsilons(self) -> Mapping[str, float | None]:
        """What each step spends of any one real row; None where nothing bounds it."""
        return descendants.epsilons(self.ctx, (step for step, _ in self.made), lambda: self._links)

    def parents(self, children: Sample) -> Sample:
        """The real rows that some new rows were made of, each once."""
        ids = pc.unique(children.rows[PARENT_IDS].combine_chunks().flatten())
        places = self._places("train")
        return self._looked_up(places, np.sort(pc.index_in(ids, places["sample_id"].combine_chunks()).to_numpy()))

    def children_of(self, ids: Sequence[str]) -> F64:
        """Features of the new rows that were made of the given real rows, at most as many as of a sample."""
        child_ids = descendants.children_of(self._links, ids, MOST_ROWS)
        feature_blocks = [self.children.features[:0]]
        for item in self._kept:
            rows = self.rows_of(item)
            matching = rows.filter(pc.is_in(rows[SAMPLE_ID], child_ids))
            if matching.num_rows:
                feature_blocks.append(self.features(matching))
        return np.concatenate(feature_blocks)

    def rows_of(self, item: AcceptedShard, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a shard that will be published: the given columns, the id among them, or those that are shown."""
        if columns is None:
            columns = [column for column in self.columns(item) if column not in NOT_SHOWN]
        rows = self.read(item, columns)
        if item.dropped:
            rows = rows.filter(pc.invert(pc.is_in(rows[SAMPLE_ID], pa.array(item.dropped, pa.string()))))
        return rows

    def read(self, item: AcceptedShard, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a shard, those to be dropped among them."""
        return self.ctx.work.read_table(f"{item.shard.name}.parquet", columns)

    def columns(self, item: AcceptedShard) -> list[str]:
        """The columns of a shard."""
        return list(self.ctx.work.schema(f"{item.shard.name}.parquet").names)

    @property
    def schema(self) -> pa.Schema:
        """Columns of the real rows, as they will be published."""
        return self.ctx.table.schema(self._files("train")[0].path)

    def column(self, name: str) -> pa.Table:
        """One column of all real training rows, beside their ids."""
        return pa.concat_tables(
            [self.ctx.table.read_table(file.path, [SAMPLE_ID, name]) for file in self._files("train")]
        )

    def head(self, name: str) -> pa.ChunkedArray:
        """The first values of a column of the real training rows."""
        batch = next(self.ctx.table.batches(self._files("train")[0].path, [name], HEAD))
        return pa.chunked_array([batch.column(0)])

    @property
    def fitted_on_others(self) -> Sequence[str]:
        """Ids of rows that steps learned from and that lie in no file of real training rows."""
        real = pa.array([file.path for file in self._files("train") if file.origin == REAL])
        steps: set[str] = set()
        for index in self.indexes:
            places = self.ctx.work.read_table(f"{index}.parquet", ["sample_id", "file"])
            steps.update(places["sample_id"].filter(pc.invert(pc.is_in(places["file"], real))).to_pylist())
        return sorted(steps)

    def features(self, rows: pa.Table) -> F64:
        """What the modality's verifier sees of any rows, shape (n, d), on the footing of the training rows."""
        return np.asarray(modality_of(self.ctx).features(self._described, rows))

    def origin_of(self, step: Step) -> str:
        """What the rows of a step are: augmented or synthetic."""
        return origin_of(ops_of(self.ctx, step))

    @cached_property
    def _described(self) -> dict[str, Any]:
        return dict(json.loads(self.ctx.work.read(f"{self.description}.json")))

    def _files(self, split: Split) -> list[DataFile]:
        return [file for file in self.files if file.split == split]

    def _counts(self, split: Split) -> dict[str, int]:
        counts = Counter[str]()
        for file in self._files(split):
            counts.update(file.labels)
        return dict(sorted(counts.items()))

    def _of_split(self, split: Split) -> Sample:
        counts = self._counts(split)
        if not counts:
            return _sample([], {})
        places = self._places(split)
        quota_by_stratum = quotas(counts)
        codes = pc.index_in(places["label"], pa.array(list(counts))).to_numpy().astype(np.int64)
        words = words_of(places["sample_id"])[:, 0]
        chosen = bottom_k(words, codes, np.array([quota_by_stratum[label] for label in counts]))
        return self._looked_up(places, chosen, counts)

    def _looked_up(
        self, places: pa.Table, chosen: NDArray[np.int64], counts: Mapping[str, int] | None = None
    ) -> Sample:
        """The chosen real rows as a sample; without counts, each stands for itself."""
        load = by_file(self.ctx.table, places.take(pa.array(chosen)))
        every = np.arange(len(chosen))
        starts = range(0, len(chosen), FEATURES_AT_ONCE)
        looked = [self._looked_at(load(every[start : start + FEATURES_AT_ONCE])) for start in starts]
        if counts is None:
            counts = Counter(label for part in looked for label in part.labels.tolist())
        return _sample(looked, {("", label): count for label, count in counts.items()})

    def _places(self, split: Split) -> pa.Table:
        """Who is in a split, and where, sorted by id."""
        return self.ctx.work.read_table(f"{write_index(self.ctx, self._files(split))}.parquet")

    @property
    def _kept(self) -> list[AcceptedShard]:
        return [item for item in self.accepted if item.kept]

    @cached_property
    def _links(self) -> pa.Table:
        return descendants.links(self._kept, self.rows_of)

    @cached_property
    def _known(self) -> pa.Array | None:
        """Ids of the sampled training rows, or None where all are among them."""
        ids = self.train.rows[SAMPLE_ID].combine_chunks()
        return ids if len(ids) < self.train.total else None

    def _last(self, stratum: tuple[str, str], count: int) -> tuple[np.uint64, bool]:
        """The highest id word that a stratum takes, and whether it takes children of rows that are not sampled.

        A student that learns from a child whose parents it may not see would have been shown more real rows.
        """
        if count == self.made[stratum] and self._known is None:
            return ALL, True
        shards = [item for item in self._kept if (item.shard.step, item.shard.label) == stratum]
        train_ids = self._known
        words = np.sort(np.concatenate([self._words(item, train_ids)[:count] for item in shards]))
        alone = len(words) < min(FEWEST_CHILDREN, count)
        if alone:
            words = np.sort(np.concatenate([self._words(item, None)[:count] for item in shards]))
        return words[min(count, len(words)) - 1], alone

    def _words(self, item: AcceptedShard, train_ids: pa.Array | None) -> U64:
        """The id words of a shard's children that may be taken, sorted."""
        rows = self.rows_of(item, [SAMPLE_ID, PARENT_IDS])
        return np.sort(words_of(rows.filter(_takes(rows, train_ids))[SAMPLE_ID])[:, 0])

    def _up_to(self, item: AcceptedShard, last: np.uint64, train_ids: pa.Array | None) -> pa.Table:
        rows = self.rows_of(item)
        takes = _takes(rows, train_ids)
        return rows.filter(takes if last == ALL else takes & (words_of(rows[SAMPLE_ID])[:, 0] <= last))

    def _looked_at(self, rows: pa.Table, step: str = "", pool: str | None = None) -> _Looked:
        plain_columns = [field.name for field in rows.schema if field.type != PAYLOAD_TYPE]
        labels = label_text(rows, self.policy.label).to_pylist()
        return _Looked(
            rows.select(plain_columns),
            self.features(rows),
            modality_of(self.ctx).appearance(self.policy, rows),
            np.asarray(labels, dtype=np.str_),
            [(step, label) for label in labels] if pool is None else [(step, pool)] * len(labels),
        )


@dataclass(frozen=True)
class _Looked:
    """A part of a sample; `strata` are the step and class each row was counted under."""

    rows: pa.Table
    features: F64
    looks: U64
    labels: NDArray[np.str_]
    strata: list[tuple[str, str]]


def _takes(rows: pa.Table, train_ids: pa.Array | None) -> NDArray[np.bool_]:
    """True for children whose parents are all known."""
    if train_ids is None:
        return np.ones(rows.num_rows, dtype=bool)
    parents = rows[PARENT_IDS].combine_chunks()
    many = np.asarray(pc.list_value_length(parents))
    are_known = np.asarray(pc.is_in(parents.flatten(), train_ids))
    return np.asarray(np.bincount(np.repeat(np.arange(len(many)), many), are_known, len(many)) == many)


def _sample(parts: Sequence[_Looked], counts: Mapping[tuple[str, str], int]) -> Sample:
    """One sample, sorted by id; `counts` are all rows there are by step and class."""
    if not parts:
        empty = np.zeros(0, dtype=np.str_)
        return Sample(pa.table({}), np.zeros((0, 0)), np.zeros((0, 2), np.uint64), empty, np.zeros(0), empty, 0)
    rows = pa.concat_tables([part.rows for part in parts], promote_options="default")
    words = words_of(rows[SAMPLE_ID])
    order = np.lexsort((words[:, 1], words[:, 0]))
    strata = [stratum for part in parts for stratum in part.strata]
    taken = Counter(strata)
    return Sample(
        rows.take(pa.array(order)),
        np.concatenate([part.features for part in parts])[order],
        np.concatenate([part.looks for part in parts])[order],
        np.concatenate([part.labels for part in parts])[order],
        np.array([counts[stratum] / taken[stratum] for stratum in strata])[order],
        np.array([step for step, _ in strata], dtype=np.str_)[order],
        sum(counts.values()),
    )
