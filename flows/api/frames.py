"""An Arrow table as what people work with: a pandas or a Polars data frame, no value changed on the way."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from augmill.policies.errors import PolicyError
from augmill.policies.names import did_you_mean

if TYPE_CHECKING:
    import pandas
    import polars


def converter(name: str) -> Callable[[pa.Table], Any]:
    """What turns a table into the format of that name. Raises PolicyError if it does not exist or is not installed."""
    if name not in CONVERTERS:
        raise PolicyError(f"there is no format {name!r} to read into.", did_you_mean(name, CONVERTERS))
    if name == "polars" and find_spec("polars") is None:
        raise PolicyError(
            "format='polars' needs the package polars, which is not installed.",
            "Install it beside augmill (pip install polars), or read as 'pandas' or 'arrow'.",
        )
    return CONVERTERS[name]


def to_pandas(table: pa.Table) -> pandas.DataFrame:
    """The table as a data frame of pandas. The table must not be used afterwards: its memory is freed meanwhile.

    Whole numbers and booleans with gaps become `Int64`, `boolean` and so on; pandas would make floats of them, which
    hold no more than 53 bits, and objects.
    """
    nullable = _nullable_types()
    with_gaps = {
        name: column.to_pandas(types_mapper=nullable.get)
        for name, column in zip(table.column_names, table.columns, strict=True)
        if column.type in nullable and column.null_count
    }
    # Not with split_blocks, which would hand out columns that cannot be written to.
    frame: pandas.DataFrame = table.to_pandas(self_destruct=True)
    for name, values in with_gaps.items():
        frame[name] = values
    return frame


def to_polars(table: pa.Table) -> polars.DataFrame:
    """The table as a data frame of Polars, which takes over its memory where it can."""
    import polars

    frame = polars.from_arrow(table, rechunk=False)
    if not isinstance(frame, polars.DataFrame):  # a table never becomes a series
        raise TypeError(f"Polars made a {type(frame).__name__} of a table")
    return frame


def to_arrow(table: pa.Table) -> pa.Table:
    """The table itself."""
    return table


def _nullable_types() -> dict[pa.DataType, Any]:
    import pandas

    return {
        pa.bool_(): pandas.BooleanDtype(),
        pa.int8(): pandas.Int8Dtype(),
        pa.int16(): pandas.Int16Dtype(),
        pa.int32(): pandas.Int32Dtype(),
        pa.int64(): pandas.Int64Dtype(),
    }


CONVERTERS: dict[str, Callable[[pa.Table], Any]] = {"pandas": to_pandas, "polars": to_polars, "arrow": to_arrow}
