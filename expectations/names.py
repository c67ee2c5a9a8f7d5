"""The built-in expectations by name and scope, so that a suite is checked without importing Great Expectations.

`row`: judges one row by itself, so it runs on every shard and its failing rows go to quarantine.
`dataset`: a statement about all rows together. A test keeps the lists in step with the library.
"""

from __future__ import annotations

from typing import Literal

Scope = Literal["row", "dataset"]

ROW: frozenset[str] = frozenset(
    {
        "expect_column_pair_values_a_to_be_greater_than_b",
        "expect_column_pair_values_to_be_equal",
        "expect_column_pair_values_to_be_in_set",
        "expect_column_value_lengths_to_be_between",
        "expect_column_value_lengths_to_equal",
        "expect_column_values_to_be_between",
        "expect_column_values_to_be_dateutil_parseable",
        "expect_column_values_to_be_in_set",
        "expect_column_values_to_be_json_parseable",
        "expect_column_values_to_be_null",
        "expect_column_values_to_match_json_schema",
        "expect_column_values_to_match_regex",
        "expect_column_values_to_match_regex_list",
        "expect_column_values_to_match_strftime_format",
        "expect_column_values_to_not_be_in_set",
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_not_match_regex",
        "expect_column_values_to_not_match_regex_list",
        "expect_multicolumn_sum_to_equal",
        "expect_multicolumn_values_to_be_equal",
        "expect_select_column_values_to_be_unique_within_record",
    }
)

NO_PERSONAL_DATA = frozenset({"expect_column_values_to_hold_no_personal_data"})
"""What finds personal data: the values that fail it are shown with tokens in their place, also in quarantine."""

OURS = NO_PERSONAL_DATA
"""Expectations of our own that suites may name; each judges one row at a time."""

DATASET: frozenset[str] = frozenset(
    {
        "expect_column_distinct_values_to_be_in_set",
        "expect_column_distinct_values_to_contain_set",
        "expect_column_distinct_values_to_equal_set",
        "expect_column_kl_divergence_to_be_less_than",
        "expect_column_max_to_be_between",
        "expect_column_mean_to_be_between",
        "expect_column_median_to_be_between",
        "expect_column_min_to_be_between",
        "expect_column_most_common_value_to_be_in_set",
        "expect_column_proportion_of_non_null_values_to_be_between",
        "expect_column_proportion_of_unique_values_to_be_between",
        "expect_column_quantile_values_to_be_between",
        "expect_column_stdev_to_be_between",
        "expect_column_sum_to_be_between",
        "expect_column_to_exist",
        "expect_column_unique_value_count_to_be_between",
        "expect_column_value_z_scores_to_be_less_than",
        "expect_column_values_to_be_in_type_list",
        "expect_column_values_to_be_of_type",
        "expect_column_values_to_be_unique",
        "expect_column_values_to_not_be_outliers",
        "expect_compound_columns_to_be_unique",
        "expect_table_column_count_to_be_between",
        "expect_table_column_count_to_equal",
        "expect_table_columns_to_match_ordered_list",
        "expect_table_columns_to_match_set",
        "expect_table_row_count_to_be_between",
        "expect_table_row_count_to_equal",
    }
)

REFUSED: dict[str, str] = {
    "expect_column_type_to_be": "it asks an SQL database for its types; use expect_column_values_to_be_of_type",
    "expect_column_values_to_be_decreasing": "the order of rows is not kept, so it says nothing",
    "expect_column_values_to_be_increasing": "the order of rows is not kept, so it says nothing",
    "expect_column_values_to_match_like_pattern": "it needs an SQL database; use expect_column_values_to_match_regex",
    "expect_column_values_to_match_like_pattern_list": "it needs an SQL database; use a list of regular expressions",
    "expect_column_values_to_not_match_like_pattern": "it needs an SQL database; use ..._to_not_match_regex",
    "expect_column_values_to_not_match_like_pattern_list": "it needs an SQL database; use ..._to_not_match_regex_list",
    "expect_query_results_to_match_comparison": "it needs an SQL database",
    "expect_table_row_count_to_equal_other_table": "it needs an SQL database",
    "unexpected_rows_expectation": "it needs an SQL database",
}
"""Expectations Great Expectations knows but that cannot judge our rows, each with the reason."""


def scope_of(name: str, mostly: float = 1.0) -> Scope:
    """Where a built-in expectation is judged. A tolerated share is a statement about all rows, not about one."""
    return "row" if name in ROW | OURS and mostly >= 1.0 else "dataset"
