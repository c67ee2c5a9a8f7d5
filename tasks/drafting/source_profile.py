"""The profile of a source, from every row: what its columns hold, how its classes are spread, what cannot be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from augmill.policies.data_facts import DataFacts
from augmill.policies.errors import DataError, PolicyError
from augmill.policies.names import did_you_mean
from augmill.policies.schema import DEFAULT_FRACTIONS, Policy
from augmill.tasks.drafting.column_profile import ColumnProfile
from augmill.tasks.rows.identity import content_words
from augmill.tasks.rows.provenance import SOURCE, SPLIT, refuse_clashes
from augmill.tasks.sources.column_types import refuse_not_plain
from augmill.tasks.sources.from_image_folder import SPLIT_FOLDERS
from augmill.tasks.sources.source_contract import SourceListing
from augmill.tasks.sources.source_reader import discover, gaps, read, scan, types_of, units
from augmill.tasks.sources.values import kind_of
from augmill.tasks.transforms.catalogue import Catalogue

_UNIT_BYTES = 64 << 20
_ROWS, _BYTES = 65_536, 64 << 20
MAX_CLASSES = 1000
_MOST_UNUSABLE = 0.5
MOST_QUARANTINED = 0.2
"""A draft allows for no larger share of bad rows: beyond, the guard would guard nothing."""
CONTRAST = "image.contrast"
# What differs by fewer of 256 levels is one colour to the eye, and to the features that labels are judged by.
_LEVELS = 8
NO_LABEL = "its label is missing"
INFINITE = "a number is infinite"


@dataclass
class SourceProfile:
    """Figures of a source. `counts`: split ("" where the source names none) -> class -> usable rows.

    `gaps`: column -> files that lack it, where others have it. `flat`: class -> pictures of one colour, or nearly so.
    `mended`: columns read as numbers, as they look when read as texts.
    `repeated_share`: rows whose cells all equal those of an earlier row.
    """

    policy: Policy
    listing: SourceListing
    types: dict[str, str]
    columns: dict[str, ColumnProfile]
    facts: dict[str, ColumnProfile] = field(default_factory=dict)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    gaps: dict[str, list[str]] = field(default_factory=dict)
    flat: Counter[str] = field(default_factory=Counter)
    unusable: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    description: dict[str, Any] = field(default_factory=dict)
    repeated_share: float = 0.0
    mended: dict[str, ColumnProfile] = field(default_factory=dict)

    def without(self, names: Collection[str]) -> SourceProfile:
        """The same profile with more columns ignored."""
        ignore = tuple(dict.fromkeys([*self.policy.ignore, *names]))
        described = [column for column in self.description.get("columns", ()) if column["name"] not in ignore]
        policy = self.policy.model_copy(update={"ignore": ignore})
        return replace(self, policy=policy, description={**self.description, "columns": described})

    @property
    def nearly_numbers(self) -> dict[str, ColumnProfile]:
        """Features of a table that are read as texts only because of a few cells."""
        if self.policy.modality == "image":
            return {}
        excluded = (self.policy.label, self.policy.split.column)
        return {
            name: column for name, column in self.columns.items() if name not in excluded and column.is_nearly_number
        }

    @property
    def classes(self) -> Counter[str]:
        """Usable rows of each class."""
        return sum(self.counts.values(), Counter())

    @property
    def flat_share(self) -> dict[str, float]:
        """The share of each class's pictures that show nothing but one colour."""
        return {name: self.flat[name] / count for name, count in self.classes.items()}

    @property
    def is_split(self) -> bool:
        """Whether the source says of every row which split it is in."""
        return bool(self.counts) and "" not in self.counts

    @property
    def train(self) -> dict[str, int]:
        """Rows of each class that will be in train: as the source says, or at least so many by our fractions."""
        if self.is_split:
            return dict(self.counts.get("train", Counter()))
        return {name: max(1, int(count * DEFAULT_FRACTIONS["train"])) for name, count in self.classes.items()}

    @property
    def unusable_share(self) -> float:
        """Rows that will be quarantined, by all rows."""
        return sum(self.unusable.values()) / max(1, self.rows)

    @property
    def would_fail(self) -> bool:
        """Whether more rows are bad than a draft allows for."""
        return self.unusable_share > MOST_QUARANTINED

    @property
    def unusable_count(self) -> str:
        """How many rows will be quarantined, in words."""
        return f"{sum(self.unusable.values()):,} of {self.rows:,} rows ({self.unusable_share:.2%})"

    @property
    def failure(self) -> str:
        """Why a run of the draft would fail, in words."""
        return (
            f"A run would fail: {self.unusable_share:.2%} of the rows are bad, and a draft allows for"
            f" {MOST_QUARANTINED:.0%} at most."
        )

    def data_facts(self, planned: Mapping[str, Mapping[str, int]]) -> DataFacts:
        """The same figures in the form that the rules of lint take."""
        described = {column["name"]: column["kind"] for column in self.description.get("columns", ())}
        names = [name for name in self.columns if name != self.policy.label]
        kinds = {name: described.get(name, "text").replace("carried", "text") for name in names}
        shares = {name: self.columns[name].distinct_share for name in names}
        channels = self.facts["image.channels"].values if "image.channels" in self.facts else None
        rest = {name: count - self.train.get(name, 0) for name, count in self.classes.items()}
        return DataFacts(
            counts={"train": self.train, "test": rest},
            planned=planned,
            columns=kinds,
            distinct_share=shares,
            colour=None if channels is None else channels != {1},
            personal={name: column.personal for name, column in self.columns.items() if column.personal},
        )


class Contents:
    """The identity words of all rows that pass, 8 bytes each."""

    def __init__(self) -> None:
        self._words: list[NDArray[np.uint64]] = []

    def watched(self, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """The same tables."""
        for table in tables:
            names = [name for name in table.column_names if name not in (SOURCE, SPLIT)]
            self._words.append(content_words(table, names)[:, 0])
            yield table

    @property
    def repeated_share(self) -> float:
        """Rows that equal an earlier one, by all rows."""
        words = np.concatenate(self._words) if self._words else np.zeros(0, dtype=np.uint64)
        return 1.0 - len(np.unique(words)) / len(words) if len(words) else 0.0


def profile_source(
    policy: Policy, base: Path, catalogue: Catalogue, mended: Mapping[str, ColumnProfile] | None = None
) -> SourceProfile:
    """Read the whole source once, as a run would. Raises DataError or PolicyError if no policy could serve it."""
    mended = dict(mended or {})
    listing = discover(policy, base)
    work = units(listing, policy, _UNIT_BYTES)
    scans = [scan(unit, policy) for unit in work]
    types = types_of(scans, {name: column.numbers_kind for name, column in mended.items()})
    _check_columns(policy, types)
    profile = SourceProfile(
        policy, listing, types, {name: ColumnProfile(name, kind) for name, kind in types.items()}, mended=mended
    )
    profile.gaps = gaps(zip(work, scans, strict=True), types)
    modality = catalogue.modality(policy.modality).module
    chunks = (chunk for unit in work for chunk in read(unit, types, policy, _ROWS, _BYTES))
    contents = Contents()
    profile.description = modality.describe(policy, contents.watched(_usable(profile, modality, chunks)))
    profile.repeated_share = contents.repeated_share
    _check_rows(profile)
    return profile


def _usable(profile: SourceProfile, modality: ModuleType, chunks: Iterator[Any]) -> Iterator[pa.Table]:
    """Rows that a run could use, counted as they pass."""
    label = profile.policy.label
    for chunk in chunks:
        profile.rows += chunk.table.num_rows + len(chunk.faults)
        profile.unusable.update(kind_of(fault.reason) for fault in chunk.faults)
        facts = modality.facts(profile.policy, chunk.table)
        faults = facts["fault"].combine_chunks()
        if label is not None:
            faults = pc.if_else(pc.is_null(chunk.table[label], nan_is_null=True), NO_LABEL, faults)
        for name, column in profile.columns.items():
            if column.is_number and column.kind == "float64":
                infinite = pc.fill_null(pc.is_inf(chunk.table[name]), False)
                faults = pc.if_else(infinite, INFINITE, faults)
        profile.unusable.update(kind_of(text) for text in faults.drop_null().to_pylist())
        good = pc.is_null(faults)
        table, facts = chunk.table.filter(good), facts.filter(good)
        _count(profile, table, facts)
        yield table


def _count(profile: SourceProfile, table: pa.Table, facts: pa.Table) -> None:
    for name, column in profile.columns.items():
        column.add(table[name])
    for name in facts.column_names:
        if name != "fault":
            kind = "string" if pa.types.is_string(facts.schema.field(name).type) else "int64"
            profile.facts.setdefault(name, ColumnProfile(name, kind)).add(facts[name])
    label = profile.policy.label
    labels = table[label].cast(pa.string()).to_pylist() if label else [""] * table.num_rows
    rule = profile.policy.split
    splits = table[rule.column or SPLIT].to_pylist()
    for (split, name), count in Counter(zip(splits, labels, strict=True)).items():
        profile.counts.setdefault(SPLIT_FOLDERS.get(split, ""), Counter())[name] += count
    if CONTRAST in facts.column_names:
        flat = np.asarray(pc.less(facts[CONTRAST], _LEVELS))
        profile.flat.update(name for name, is_flat in zip(labels, flat, strict=True) if is_flat)


def _check_columns(policy: Policy, types: Mapping[str, str]) -> None:
    refuse_clashes(types)
    if policy.label is not None and policy.label not in types:
        raise PolicyError(
            f"the data have no column {policy.label!r} to take labels from",
            f"{did_you_mean(policy.label, types)} Name it with --label.",
        )
    refuse_not_plain({"label": policy.label}, types)


def _check_rows(profile: SourceProfile) -> None:
    if not profile.rows:
        raise DataError("the source holds no row", "check the path; a header alone is not enough")
    if profile.unusable_share > _MOST_UNUSABLE:
        worst = ", ".join(f"{reason} ({count})" for reason, count in profile.unusable.most_common())
        raise DataError(
            f"{profile.unusable_share:.0%} of {profile.rows:,} rows cannot be used: {worst}",
            "mend the data, then draft again",
        )
    label = profile.policy.label
    if label is None:
        return
    if len(profile.classes) > MAX_CLASSES:
        raise PolicyError(
            f"column {label!r} holds {len(profile.classes):,} different values, so it is a quantity and not a class",
            "name a column of classes with --label; regression targets are not supported yet",
        )
    if len(profile.classes) < 2:
        raise DataError(
            f"column {label!r} holds one class only ({next(iter(profile.classes), 'none')})",
            "name another column with --label, or add rows of other classes",
        )


def splits_named(column: ColumnProfile) -> bool:
    """Whether a column's values are names of splits, train among them."""
    if column.kind != "string" or column.many or column.nulls or not column.values:
        return False
    names = {SPLIT_FOLDERS.get(value) for value in column.values}
    return "train" in names and None not in names and len(names) > 1
