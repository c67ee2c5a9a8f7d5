"""Read a published version into memory; imports neither Prefect nor MLflow nor Great Expectations."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, overload

import pyarrow as pa

from augmill.flows.api.frames import converter
from augmill.flows.api.lake import LakePath, open_lake, reference_of
from augmill.flows.machine_faults import machine_faults
from augmill.policies.errors import PolicyError, StorageError
from augmill.policies.names import did_you_mean
from augmill.policies.schema import SPLITS
from augmill.tasks.rows.provenance import AUGMENTED, NAMES, ORIGIN, PAYLOAD_TYPE, REAL, SPLIT, SYNTHETIC
from augmill.tasks.runs.manifest import Published
from augmill.tasks.storage.delta import FileEntry, Table, select
from augmill.tasks.versions.versions import Lake

if TYPE_CHECKING:
    import pandas
    import polars

ORIGINS = (REAL, AUGMENTED, SYNTHETIC)
FILES_AT_ONCE = 8
BATCH_ROWS = 65_536
PAYLOAD_BATCH_ROWS = 1_024  # a column of one batch holds 2 GB at most

Names = str | Collection[str]


@overload
def read(
    name: str,
    *,
    version: int | None = None,
    channel: str | None = None,
    split: Names | None = None,
    origin: Names | None = None,
    columns: str | Sequence[str] | None = None,
    provenance: bool = True,
    format: Literal["pandas"] = "pandas",
    lake: LakePath | None = None,
) -> pandas.DataFrame: ...


@overload
def read(
    name: str,
    *,
    version: int | None = None,
    channel: str | None = None,
    split: Names | None = None,
    origin: Names | None = None,
    columns: str | Sequence[str] | None = None,
    provenance: bool = True,
    format: Literal["polars"],
    lake: LakePath | None = None,
) -> polars.DataFrame: ...


@overload
def read(
    name: str,
    *,
    version: int | None = None,
    channel: str | None = None,
    split: Names | None = None,
    origin: Names | None = None,
    columns: str | Sequence[str] | None = None,
    provenance: bool = True,
    format: Literal["arrow"],
    lake: LakePath | None = None,
) -> pa.Table: ...


def read(
    name: str,
    *,
    version: int | None = None,
    channel: str | None = None,
    split: Names | None = None,
    origin: Names | None = None,
    columns: str | Sequence[str] | None = None,
    provenance: bool = True,
    format: str = "pandas",
    lake: LakePath | None = None,
) -> Any:
    """Read the rows of a published version into memory: the newest one, unless a version or a channel is named.

    Row order is fixed: files by path (split, then origin), in each by sample id. Memory: what the rows take, and up to
    as much again while they become a data frame of pandas.

    Args:
        name: `wine`, `wine@3` (a version) or `wine@stable` (what a channel points to now).
        version: The number of a version, in place of `@3`.
        channel: The name of a channel, in place of `@stable`.
        split: `train`, `validation`, `test`, or several; only their files are read. Default: all.
        origin: `real`, `augmented`, `synthetic`, or several. Default: all.
        columns: Columns to return, in this order, and no other. Default: every column.
        provenance: Whether columns `augmill_*` are returned (split and origin are two of them). No say with `columns`.
        format: `pandas`, `polars` or `arrow`. Polars is not installed with augmill.
        lake: A folder or an `s3://` URI. Default: `AUGMILL_LAKE`, else `lake` in `AUGMILL_HOME`.

    Returns:
        One row per sample, (rows, columns): `pandas.DataFrame`, `polars.DataFrame` or `pyarrow.Table`. The same types
        and values in each: pandas has `Int64` and `boolean` for whole numbers and booleans with gaps, NaN for gaps in
        other columns, and objects for lists and for pictures, which are `{"bytes": ..., "path": ...}`.

    Raises:
        PolicyError: No such dataset, version, channel, split, origin, column or format; or the call names two versions.
        DataError: The version is gone: its files were removed by vacuum or by a purge.
        StorageError: The lake cannot be read.

    Example:
        >>> train = augmill.read("wine@stable", split="train", provenance=False)
    """
    convert = converter(format)
    with machine_faults():
        place = open_lake(lake)
        published = place.readable(reference_of(name, version, channel))
        files = _files(published, split, origin)
        schema = select(published.snapshot.schema, _columns(published, columns, provenance))
        return convert(_table(place, published, files, schema))


def _files(published: Published, split: Names | None, origin: Names | None) -> list[FileEntry]:
    splits, origins = _chosen("split", split, SPLITS), _chosen("origin", origin, ORIGINS)
    present = sorted({file.partition[SPLIT] for file in published.snapshot.files})
    empty = [name for name in splits if name not in present]
    if split is not None and empty:  # a job that is to test on no row at all should hear of it
        raise PolicyError(
            f"{published.manifest.dataset}@{published.version} has no row in split {', '.join(empty)}.",
            f"Its splits: {', '.join(present)}.",
        )
    files = published.snapshot.files
    return [file for file in files if file.partition[SPLIT] in splits and file.partition[ORIGIN] in origins]


def _chosen(argument: str, names: Names | None, available: Sequence[str]) -> list[str]:
    if names is None:
        return list(available)
    chosen = _listed(names)
    unknown = [name for name in chosen if name not in available]
    if unknown:
        raise PolicyError(f"there is no {argument} {unknown[0]!r}.", did_you_mean(str(unknown[0]), available))
    if not chosen:
        raise PolicyError(f"{argument} names nothing to read.", f"Name some of {', '.join(available)}.")
    return chosen


def _columns(published: Published, columns: str | Sequence[str] | None, provenance: bool) -> list[str]:
    available = published.snapshot.schema.names
    if columns is None:
        return [name for name in available if provenance or name not in NAMES]
    chosen = _listed(columns)
    for name in chosen:
        if name not in available:
            raise PolicyError(
                f"{published.manifest.dataset}@{published.version} has no column {name!r}.",
                did_you_mean(str(name), available),
            )
    twice = sorted({name for name in chosen if chosen.count(name) > 1})
    if twice or not chosen:
        fault = f"columns names {twice[0]!r} twice." if twice else "columns names nothing to read."
        raise PolicyError(fault, "Name each column once, or leave columns out to read all.")
    return chosen


def _listed(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _table(lake: Lake, published: Published, files: Sequence[FileEntry], schema: pa.Schema) -> pa.Table:
    """The columns of `schema` of the files, in their order; several files are read at once."""
    table = Table(lake.store.sub(published.manifest.dataset))
    size = PAYLOAD_BATCH_ROWS if PAYLOAD_TYPE in schema.types else BATCH_ROWS
    try:
        with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
            batches = list(pool.map(lambda file: list(table.read_file(file, schema, size)), files))
    except StorageError:
        lake.refuse_removed(published)  # vacuum may have removed it a moment ago
        raise
    return pa.Table.from_batches(chain.from_iterable(batches), schema)
