"""The expectation that text holds no personal data: whatever has its form, in every value."""

from __future__ import annotations

from importlib import import_module
from itertools import compress
from typing import Any, Literal

import pyarrow as pa

from augmill.expectations.build import library
from augmill.expectations.detector import candidates, find

library()
gxe: Any = import_module("great_expectations.expectations.expectation")
metrics: Any = import_module("great_expectations.expectations.metrics")
engines: Any = import_module("great_expectations.execution_engine")


class ColumnValuesHoldNoPersonalData(metrics.ColumnMapMetricProvider):  # type: ignore[misc]
    """Whether a value is free of personal data, for every value; numbers and dates are no text, so they are."""

    condition_metric_name = "column_values.hold_no_personal_data"
    condition_value_keys = ("kinds",)

    @metrics.column_condition_partial(engine=engines.PandasExecutionEngine)  # type: ignore[untyped-decorator]
    def _pandas(cls, column: Any, kinds: Any = None, **_: Any) -> Any:
        texts = [value for value in column.unique() if isinstance(value, str)]
        closer = compress(texts, candidates(pa.array(texts, pa.string())))
        return ~column.isin([text for text in closer if find(text, kinds)])


class ExpectColumnValuesToHoldNoPersonalData(gxe.ColumnMapExpectation):  # type: ignore[misc]
    """E-mail and IP addresses, phone, card, bank and national numbers; `kinds` names some of them only."""

    map_metric = "column_values.hold_no_personal_data"
    success_keys = ("kinds", "mostly")
    args_keys = ("column", "kinds")

    kinds: list[Literal["email", "iban", "card", "national_id", "ip", "phone"]] | None = None
    description: str = "No text holds an e-mail or IP address, a phone, card or bank number, or a national id."
