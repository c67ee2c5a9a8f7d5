"""AUG6xx: personal data, and what the policy does with it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from augmill.policies.rules.rule_context import Context, Hit, error, warning
from augmill.policies.yaml_source import Path

# Words in the names of columns that hold what identifies a person more often than not.
WORDS = frozenset(
    {"email", "mail", "phone", "telephone", "mobile", "fax", "ssn", "passport", "iban", "street", "address", "surname"}
    | {"firstname", "lastname", "fullname", "birthdate", "birthday", "dob"}
)


def called_personal(name: str) -> str | None:
    """The word in a column's name that tells of personal data: `email` of `customer_email` and `CustomerEmail`."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    words = [word for word in re.split(r"[^a-z]+", spaced) if word]
    pairs = [word + following for word, following in pairwise(words)]
    return next((word for word in (*pairs, *words) if word in WORDS), None)


def aug601_treatment_of_a_needed_column(context: Context) -> Iterator[Hit]:
    """Treated as `source.pii` says, a column is not what the policy needs it for.

    Why: The label, the key and the group must be there, and differ where they differed: masked ones become one
        token, and rows that have nothing to do with each other become one group. A split is named by its own word.
    Fix: Write `hash`: equal values stay equal, so labels, keys and groups work as before. Or name another column.
    Bad:
        key: email
        source: {uri: rows.csv, pii: {email: mask}}
    Good:
        key: email
        source: {uri: rows.csv, pii: {email: hash}}
    """
    policy = context.policy
    needed = {"label": policy.label, "key": policy.key, "split.group": policy.split.group}
    for role, name in needed.items():
        how = policy.source.pii.get(name) if name else None
        if how in ("drop", "mask"):
            why = "is then not there" if how == "drop" else "would be one token for many values"
            yield error(
                ("source", "pii", str(name)), f"{role} is {name!r}, which {why}.", "Write hash: equal stays equal."
            )
    column = policy.split.column
    if column in policy.source.pii:
        yield error(("source", "pii", str(column)), f"split.column is {column!r}; no split can be read.", "Leave it.")


def aug602_personal_data(context: Context) -> Iterator[Hit]:
    """A column of text holds what looks like personal data, and nothing is done about it.

    Why: A published version is copied, read and trained on by many, and a model can repeat what it has seen. Found are
        e-mail and IP addresses, phone, card and bank numbers, national ids, by form and check digit, in a sample.
    Fix: Write `source: {pii: {COLUMN: mask}}` for text, `hash` for what tells rows apart, `drop` for what nobody needs.
    Bad:
        facts: {columns: {note: text}, personal: {note: {phone number: 12}}}
    Good:
        facts: {columns: {note: text}, personal: {note: {phone number: 12}}}
        source: {uri: rows.csv, pii: {note: mask}}
    """
    for name, counts in (context.facts.personal if context.facts else {}).items():
        if name not in context.policy.source.pii:
            summary = ", ".join(f"{what} ({count:,})" for what, count in counts.items())
            yield warning(
                ("source",),
                f"column {name!r} holds what looks like personal data: {summary}.",
                f"Write `source: {{pii: {{{name}: mask}}}}`, or hash or drop.",
            )


def aug603_called_personal(context: Context) -> Iterator[Hit]:
    """A column is called like personal data, and nothing is done about it.

    Why: Names and streets have no form that a look at the values could find; what a column is called often tells.
    Fix: Write `source: {pii: {COLUMN: hash}}` (or drop, mask), or say on the line why it is none.
    Bad:
        key: customer_email
        source: {uri: rows.csv}
    Good:
        key: customer_email
        source: {uri: rows.csv, pii: {customer_email: hash}}
    """
    policy = context.policy
    places: dict[str | None, Path] = {policy.key: ("key",), policy.split.group: ("split", "group")}
    places |= {name: ("ignore", index) for index, name in enumerate(policy.ignore)}
    texts = [name for name, kind in (context.facts.columns if context.facts else {}).items() if kind == "text"]
    for name in (*places, *texts):
        word = called_personal(name) if name and name not in policy.source.pii else None
        if word:
            yield warning(
                places.pop(name, ("source",)),
                f"column {name!r} is called like personal data ({word}).",
                f"Write `source: {{pii: {{{name}: hash}}}}`, or drop or mask.",
            )
