"""Any over-sampler of imbalanced-learn, or one with its interface, by its class name and with its own arguments.

All children of a class are drawn at once, when the step is fitted, from a seed of that step and class: the sampler
gets all training rows in the order of their ids, numbers in standard deviations from the mean as the neighbours of
`tabular.smote` are, categories as codes, and child i is one row that it added. So another amount or another training
row changes every child, which the transforms written here avoid; and a child is made again by fitting again.

The sampler does not say which rows it made a row of. Its parents are therefore the `k_parents` nearest real rows of
its class, recorded as `"parents": "nearest"`; a differing category counts as one standard deviation. A value that
the sampler took over from a row is that row's value to the last bit. A sampler may add fewer rows than planned:
then there are fewer children, and the run reports how many were planned and how many were made.

Hurts as that sampler does, and where a child must be traced to the very rows it was made of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from augmill.policies.errors import DataError
from augmill.tasks.rows.randomness import generator
from augmill.tasks.transforms.table import F64, I32, I64, Block, Drawn, Pool, State, TableSpec
from augmill.tasks.transforms.tabular import _imblearn
from augmill.tasks.transforms.tabular._neighbours import members, require_rows, scaled
from augmill.tasks.transforms.transform_contract import Accepts, Behaviour, Parameters

USE = "tabular.resample"


def _known(name: str) -> str:
    _imblearn.sampler_class(name)
    return name


class Params(Parameters):
    """The sampler: a class of imblearn.over_sampling, or `package.module:Class`; its arguments; parents per child."""

    sampler: Annotated[str, Field(pattern=r"^([A-Za-z_][\w.]*:)?[A-Za-z_]\w*$"), AfterValidator(_known)]
    params: dict[str, Any] = Field(default_factory=dict, validate_default=True)
    k_parents: Annotated[int, Field(ge=1, le=20, description="How many nearest real rows count as parents.")] = 2

    @field_validator("params")
    @classmethod
    def _are_the_samplers(cls, arguments: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        _imblearn.refuse_set_by_the_run(arguments)
        if "sampler" in info.data:
            _imblearn.check(info.data["sampler"], arguments)
        return arguments


ACCEPTS = Accepts(missing="refused", columns="any")
BEHAVIOUR = Behaviour(
    origin="synthetic",
    fitted=True,
    first=True,
    joint=True,
    pool="train",
    libraries=("imbalanced-learn", "scikit-learn"),
)
_COLUMNS = {"SMOTENC": "mixed", "SMOTEN": "categorical"}
_SPARE = 4
_CELLS_AT_ONCE = 4_000_000


def accepts(params: Params) -> Accepts:
    """Numbers only, but for the samplers that are made for categories."""
    return replace(ACCEPTS, columns=_COLUMNS.get(params.sampler, "numeric"))  # type: ignore[arg-type]


def libraries(params: Params) -> tuple[str, ...]:
    """The distribution that holds a sampler of others: another version of it makes other rows."""
    return (_imblearn.distribution_of(params.sampler),) if ":" in params.sampler else ()


def fit(params: Params, pool: Pool) -> State:
    """Have the sampler add the rows that are planned, and find the nearest real rows of each."""
    rows = _require_rows(params, pool)
    numeric, codes = _drawn_rows(params, pool)
    real = pool.block.take(rows)
    parents = rows[_nearest(pool.spec, real, Block(numeric, codes), params.k_parents)]
    # Children of one base stand together, in the order that the sampler made them in: a base's copy n is its nth row.
    order = np.argsort(parents[:, 0], kind="stable")
    bases, first, counts = np.unique(parents[order, 0], return_index=True, return_counts=True)
    weights = np.zeros(len(pool.block), dtype=np.float64)
    weights[bases] = counts
    return {
        "weights": weights,
        "bases": bases,
        "first": first.astype(np.int64),
        "counts": counts.astype(np.int64),
        "neighbours": parents[order, 1:],
        "numeric": numeric[order],
        "codes": codes[order],
    }


def draw(params: Params, spec: TableSpec, state: State, seeds: I64, bases: I64) -> Drawn:
    """The row that the sampler made for each copy of each base; there is nothing left to draw."""
    place = np.minimum(np.searchsorted(state["bases"], bases), len(state["bases"]) - 1)
    copies = state["copies"]
    if (state["bases"][place] != bases).any() or (copies < 0).any() or (copies >= state["counts"][place]).any():
        raise DataError(
            f"{USE} has no row of {params.sampler} left for a child: more are wanted of a row than were made.",
            "Run the step again, so that it is fitted for as many children as are wanted.",
            {"rule": "no_row_left"},
        )
    row = state["first"][place] + copies
    return {
        "partners": state["neighbours"][row],
        "row": row,
        "k_parents": np.full(len(row), params.k_parents, dtype=np.int64),
        "_numeric": state["numeric"][row],
        "_codes": state["codes"][row],
    }


def apply(params: Params, spec: TableSpec, parents: Sequence[Block], draws: Drawn) -> Block:
    """The row as the sampler made it."""
    return Block(draws["_numeric"], draws["_codes"])


def _require_rows(params: Params, pool: Pool) -> I64:
    """The rows of the class. Raises DataError with advice where they, or the other classes, are too few."""
    rows = require_rows(USE, pool, _imblearn.neighbours_needed(params.sampler, params.params))
    needed = max(2, params.k_parents)
    if len(rows) < needed:
        raise DataError(
            f"{USE} names the {params.k_parents} nearest rows of class {pool.target_name!r} as parents of a child, and "
            f"the class has {len(rows)}.",
            "Lower k_parents, or use tabular.gaussian_noise or tabular.random_oversample.",
            {"rule": "class_too_small", "label": pool.target_name, "rows": len(rows), "needed": needed},
        )
    if len(rows) == len(pool.labels):
        raise DataError(
            f"{USE} needs rows of a second class, because {params.sampler} does; all {len(rows)} training rows are "
            f"{pool.target_name!r}.",
            "Use tabular.smote, which looks at one class only.",
            {"rule": "one_class", "label": pool.target_name, "rows": len(rows)},
        )
    return rows


def _drawn_rows(params: Params, pool: Pool) -> tuple[F64, I32]:
    """What the sampler adds, in original units, at most as many rows as are planned. Raises DataError for none."""
    spec, p = pool.spec, len(pool.spec.numeric)
    points = np.hstack([scaled(spec, pool.block), pool.block.codes.astype(np.float64)])
    amount = {pool.target: len(members(pool)) + pool.count}
    categorical = tuple(range(p, points.shape[1]))
    sampler = _imblearn.build(params.sampler, params.params, amount, pool.seed % 2**32, categorical)
    try:
        added = _imblearn.rows_added(sampler, points, pool.labels, pool.target, twice=":" in params.sampler)
    except (_imblearn.NotOnlyAdded, _imblearn.NotRepeatable) as fault:
        raise _cannot_be_used(params, pool, fault) from None
    except _imblearn.FAULTS as fault:
        raise _made_nothing(params, pool, _imblearn.first_line(fault)) from fault
    if pool.count and len(added) == 0:
        raise _made_nothing(params, pool, "it added no row and gave no reason")
    if len(added) > pool.count:
        row_numbers = generator(pool.seed, "surplus").permutation(len(added))[: pool.count]
        added = added[np.sort(row_numbers)]
    codes = added[:, p:].astype(np.int32)
    for j, own in enumerate(pool.block.codes.T):
        if not np.isin(added[:, p + j], own).all():
            raise _cannot_be_used(params, pool, ValueError("it added categories that no row has"))
    return _original(pool, points[:, :p], added[:, :p]), codes


def _original(pool: Pool, points: F64, added: F64) -> F64:
    """Scaled numbers in original units: a real row's number is what it was, whole numbers are whole, and what lies
    between two real numbers stays between them."""
    numbers = np.empty_like(added)
    for j, column in enumerate(pool.spec.numeric):
        scaled, at = np.unique(points[:, j], return_index=True)
        real = pool.block.numeric[at, j]
        above = np.clip(np.searchsorted(scaled, added[:, j]), 0, len(scaled) - 1)
        below = np.maximum(above - (scaled[above] > added[:, j]), 0)
        values = added[:, j] * column.scale + column.centre
        within = (added[:, j] >= scaled[0]) & (added[:, j] <= scaled[-1])
        values = np.where(within, np.clip(values, real[below], real[above]), values)
        numbers[:, j] = np.rint(values) if column.kind == "integer" else values
    return numbers


def _nearest(spec: TableSpec, real: Block, children: Block, k: int) -> I64:
    """For each made row the `k` nearest real ones, nearest first, ties by their order; shape (len(made), k)."""
    from sklearn.neighbors import NearestNeighbors
    from threadpoolctl import threadpool_limits

    points, places = _as_points(spec, real, real), _as_points(spec, children, real)
    nearest = np.empty((len(places), k), dtype=np.int64)
    if len(places) == 0:
        return nearest
    width = min(k + _SPARE, len(points))
    search = NearestNeighbors(n_neighbors=width).fit(points)
    step = max(1, _CELLS_AT_ONCE // (width * points.shape[1]))
    with threadpool_limits(limits=1):
        for start in range(0, len(places), step):
            part = places[start : start + step]
            near = search.kneighbors(part, return_distance=False)
            away = points[near] - part[:, None, :]
            order = np.lexsort((near, np.einsum("ijk,ijk->ij", away, away)), axis=-1)
            nearest[start : start + step] = np.take_along_axis(near, order, axis=1)[:, :k]
    return nearest


def _as_points(spec: TableSpec, block: Block, real: Block) -> F64:
    """Numbers in standard deviations; a category as one column per value that the class has, 1 / sqrt(2) high."""
    hot = [
        np.asarray(codes[:, None] == np.unique(own)[None, :], dtype=np.float64) / np.sqrt(2.0)
        for codes, own in zip(block.codes.T, real.codes.T, strict=True)
    ]
    return np.hstack([scaled(spec, block), *hot])


def _made_nothing(params: Params, pool: Pool, reason: str) -> DataError:
    return DataError(
        f"{USE}: {params.sampler} made no row of class {pool.target_name!r}: {reason}",
        "Change its params, or the sampler; tabular.smote starts from every row of the class, and "
        "tabular.random_oversample needs none but one.",
        {"rule": "sampler_made_nothing", "sampler": params.sampler, "label": pool.target_name, "planned": pool.count},
    )


def _cannot_be_used(params: Params, pool: Pool, fault: Exception) -> DataError:
    return DataError(
        f"{USE}: {params.sampler} cannot be used for class {pool.target_name!r}: {fault}.",
        "Choose a sampler that only adds rows, the same ones for the same random_state, such as those of "
        "imblearn.over_sampling; or write a transform of your own.",
        {"rule": "sampler_cannot_be_used", "sampler": params.sampler, "label": pool.target_name},
    )
