"""The treatment of columns by `source.pii` while a source is read: raw values are not passed on, not even in faults.

`drop` leaves a column out, `hash` replaces every value by its HMAC-SHA-256 under the secret key, `mask` replaces what
looks like personal data inside a text by a token such as `<email>`. Numbers and dates are treated as texts; missing
values stay missing. Equal values have equal hashes, in every column and dataset with the same key.
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
    """The treatment of each column; the key is needed if one is hashed."""

    columns: Mapping[str, Literal["hash", "drop", "mask"]] = field(default_factory=dict)
    key: Secret | None = field(default=None, repr=False)

    @classmethod
    def of(cls, policy: Policy, key: Secret | None) -> Treatment:
        """The treatment of a policy. Raises PolicyError if it needs a key and there is none."""
        hashed = [name for name, how in policy.source.pii.items() if how == "hash"]
        if hashed and key is None:
            raise PolicyError(f"source.pii hashes {', '.join(hashed)}, and AUGMILL_PII_KEY is not set.", KEY_REMEDY)
        return cls(policy.source.pii, key if hashed else None)

    @property
    def identity(self) -> list[object]:
        """Everything that treated values depend on, as JSON: part of the names of objects made from treated rows."""
        return [dict(sorted(self.columns.items())), self.key_fingerprint]

    @property
    def key_fingerprint(self) -> str:
        """The fingerprint of the key that values are hashed with; "" if none are."""
        return self.key.fingerprint if self.key else ""

    def scanned(self, scan: Scan) -> Scan:
        """A scan of raw values as it is after treatment; its `treated` are the treated columns that it holds.

        Raises DataError for columns that hold no plain values and so cannot be hashed or masked.
        """
        treated = [name for name in scan.columns if name in self.columns]
        for name in treated:
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
            treated=treated,
        )

    def type_of(self, name: str, kind: str) -> str:
        """The type of a column after treatment: tokens and hashes are texts."""
        return "string" if name in self.columns else kind

    def values(self, columns: Mapping[str, pa.Array]) -> tuple[dict[str, pa.Array], dict[int, list[str]]]:
        """The treated columns, and by row position the reasons why a row cannot be treated."""
        treated = {name: values for name, values in columns.items() if not self._drops(name)}
        reasons: dict[int, list[str]] = {}
        for name in treated.keys() & self.columns.keys():
            texts, bad = fit(treated[name], "string")
            for position in bad:
                reasons.setdefault(int(position), []).append(f"column {name!r}: {NOT_TEXT}")
            treated[name] = (
                _change_texts(texts, mask, candidates)
                if self.columns[name] == "mask"
                else _change_texts(texts, self._hash)
            )
        return treated, reasons

    def shown(self, value: object) -> object:
        """A misfitting value for a report, withheld if any column is treated: it may belong to such a column."""
        return VALUE_WITHHELD if self.columns else value

    def faults(self, faults: Sequence[Fault]) -> list[Fault]:
        """The faults of broken lines, without their text if any column is treated: it may hold the column's values."""
        return [replace(fault, text=WITHHELD) for fault in faults] if self.columns else list(faults)

    def _hash(self, text: str) -> str:
        if self.key is None:
            raise PolicyError("A column is hashed without a key.", KEY_REMEDY)
        return self.key.digest(text.encode())

    def _drops(self, name: str) -> bool:
        return self.columns.get(name) == "drop"


UNTREATED = Treatment()


def _change_texts(
    texts: pa.StringArray, change: Callable[[str], str], which: Callable[[pa.StringArray], Sequence[bool]] | None = None
) -> pa.Array:
    """The texts after `change`, which is called once per distinct text, or only for those that `which` selects."""
    encoded = texts.dictionary_encode()
    words = encoded.dictionary
    picked = which(words) if which else [True] * len(words)
    changed = [change(word) if yes else word for word, yes in zip(words.to_pylist(), picked, strict=True)]
    return pa.array(changed, pa.string()).take(encoded.indices)
