"""What `source.pii` asks for, done while a source is read: no raw value gets past here, not even in a fault's text.

`drop` leaves a column out, `hash` replaces every value by its HMAC-SHA-256 under the secret key, `mask` replaces what
looks like personal data inside a text by a token such as `<email>`. Numbers and dates are treated as their texts; no
value stays no value. Equal values have equal hashes, in every column and dataset of one key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import pyarrow as pa

from augmill.expectations.detector import candidates, mask
from augmill.policies.errors import DataError, PolicyError
from augmill.policies.schema import Policy
from augmill.tasks.sanitize.secret import KEY_REMEDY, Secret
from augmill.tasks.sources.source_contract import Fault, Scan
from augmill.tasks.sources.values import fit

WITHHELD = "(withheld: source.pii treats columns of this source, and a broken line does not tell which is which)"
VALUE_WITHHELD = "(a value withheld because of source.pii)"
NOT_TEXT = "a value is not UTF-8 text; it is withheld"
_NESTED = ("list<", "struct<", "binary", "payload", "boxes")


@dataclass(frozen=True)
class Treatment:
    """What is done to which columns; the key is needed where one is hashed."""

    columns: Mapping[str, Literal["hash", "drop", "mask"]] = field(default_factory=dict)
    key: Secret | None = field(default=None, repr=False)

    @classmethod
    def of(cls, policy: Policy, key: Secret | None) -> Treatment:
        """The treatment that a policy asks for. Raises PolicyError where it takes a key and there is none."""
        hashed = [name for name, how in policy.source.pii.items() if how == "hash"]
        if hashed and key is None:
            raise PolicyError(f"source.pii hashes {', '.join(hashed)}, and AUGMILL_PII_KEY is not set.", KEY_REMEDY)
        return cls(policy.source.pii, key if hashed else None)

    @property
    def identity(self) -> list[object]:
        """All that decides what it makes of a value, as JSON: part of the names of whatever is made of treated rows."""
        return [dict(sorted(self.columns.items())), self.key_fingerprint]

    @property
    def key_fingerprint(self) -> str:
        """Which key values are hashed with; "" where none are."""
        return self.key.fingerprint if self.key else ""

    def scanned(self, scan: Scan) -> Scan:
        """What a look at the raw values found, as it is after treatment; `treated` names the columns it met.

        Raises DataError for columns that hold no plain values, and cannot be hashed or masked.
        """
        met = [name for name in scan.columns if name in self.columns]
        for name in met:
            kind = scan.columns[name]
            if kind in ("payload", "boxes") or (self.columns[name] != "drop" and kind.startswith(_NESTED)):
                raise DataError(
                    f"source.pii: column {name!r} is of type {kind}, which cannot be treated by `{self.columns[name]}`",
                    "Write `drop` for lists, structures and bytes; pictures cannot be treated.",
                )
        lacking = {file: [name for name in absent if not self._drops(name)] for file, absent in scan.lacking.items()}
        return replace(
            scan,
            columns={name: self.type_of(name, kind) for name, kind in scan.columns.items() if not self._drops(name)},
            lacking={file: absent for file, absent in lacking.items() if absent},
            treated=met,
        )

    def type_of(self, name: str, kind: str) -> str:
        """The type of a column after treatment: tokens and hashes are texts, whatever they stand for."""
        return "string" if name in self.columns else kind

    def values(self, columns: Mapping[str, pa.Array]) -> tuple[dict[str, pa.Array], dict[int, list[str]]]:
        """Raw columns treated, and by position why a row cannot be."""
        kept = {name: values for name, values in columns.items() if not self._drops(name)}
        reasons: dict[int, list[str]] = {}
        for name in kept.keys() & self.columns.keys():
            texts, bad = fit(kept[name], "string")
            for position in bad:
                reasons.setdefault(int(position), []).append(f"column {name!r}: {NOT_TEXT}")
            kept[name] = _each(texts, mask, candidates) if self.columns[name] == "mask" else _each(texts, self._hash)
        return kept, reasons

    def shown(self, value: object) -> object:
        """A value that is not what its column should hold: it may have slipped there from one that is treated."""
        return VALUE_WITHHELD if self.columns else value

    def faults(self, found: Sequence[Fault]) -> list[Fault]:
        """Lines that were no rows, without their text if any column is treated: it may hold what the column holds."""
        return [replace(fault, text=WITHHELD) for fault in found] if self.columns else list(found)

    def _hash(self, text: str) -> str:
        if self.key is None:
            raise PolicyError("A column is hashed without a key.", KEY_REMEDY)
        return self.key.digest(text.encode())

    def _drops(self, name: str) -> bool:
        return self.columns.get(name) == "drop"


UNTREATED = Treatment()


def _each(
    texts: pa.StringArray, change: Callable[[str], str], which: Callable[[pa.StringArray], Sequence[bool]] | None = None
) -> pa.Array:
    """Every different text changed once, or only those that `which` picks."""
    encoded = texts.dictionary_encode()
    words = encoded.dictionary
    picked = which(words) if which else [True] * len(words)
    made = [change(word) if yes else word for word, yes in zip(words.to_pylist(), picked, strict=True)]
    return pa.array(made, pa.string()).take(encoded.indices)
