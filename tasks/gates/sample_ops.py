"""Subsets and unions of samples."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from augmill.tasks.gates.gate_contract import Sample
from augmill.tasks.rows.provenance import SAMPLE_ID
from augmill.tasks.rows.randomness import generator


def ids_of(sample: Sample) -> list[str]:
    """The ids of its rows."""
    return sample.rows[SAMPLE_ID].to_pylist() if len(sample) else []


def head(sample: Sample, most: int) -> Sample:
    """The first rows of a sample, which is sorted by id: a random part of it."""
    return sample if len(sample) <= most else take(sample, np.arange(most))


def of_class(sample: Sample, label: str) -> Sample:
    """The rows of one class."""
    return take(sample, np.flatnonzero(sample.labels == label))


def evenly(sample: Sample, count: int) -> NDArray[np.int64]:
    """Positions of about `count` rows such that every row of the total is equally likely: rare classes, which the
    sample over-represents, are thinned out. Rows are in the order of their ids, which are hashes."""
    count = min(count, len(sample))
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    reached = np.cumsum(sample.weights)
    # One mark at a random but fixed place in each of `count` equal stretches of the total weight.
    marks = (np.arange(count) + generator(0, "evenly").random(count)) * (reached[-1] / count)
    return np.unique(np.minimum(np.searchsorted(reached, marks, side="right"), len(sample) - 1))


def take(sample: Sample, at: NDArray[np.int64]) -> Sample:
    """Some rows of a sample, with unchanged weights."""
    return Sample(
        sample.rows.take(pa.array(at)) if sample.rows.num_columns else sample.rows,
        sample.features[at],
        sample.looks[at],
        sample.labels[at],
        sample.weights[at],
        sample.steps[at],
        sample.total,
    )


def union(sample: Sample, more: Sample) -> Sample:
    """The rows of both samples, each once."""
    ids = set(ids_of(sample))
    fresh = np.array([name not in ids for name in ids_of(more)], dtype=bool)
    more = take(more, np.flatnonzero(fresh))
    return Sample(
        pa.concat_tables([sample.rows, more.rows], promote_options="default"),
        np.concatenate([sample.features, more.features]),
        np.concatenate([sample.looks, more.looks]),
        np.concatenate([sample.labels, more.labels]),
        np.concatenate([sample.weights, more.weights]),
        np.concatenate([sample.steps, more.steps]),
        sample.total,
    )
