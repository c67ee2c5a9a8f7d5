"""Find personal data in text by its form, and by its check digits where there are any; it does not find all of it.

E-mail and IP addresses, phone numbers, payment cards (Luhn), IBANs (ISO 7064, mod 97) and national numbers. Names,
streets and birthdays have no form of their own and are not found.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Any

from augmill.expectations import check_digits
from augmill.expectations.check_digits import digits_of

# What every text with personal data matches. RE2, which Arrow has, answers for a whole column at once.
_CANDIDATE = r"@|(\d\D{0,3}){6}|\d\.\d.*\.\d|:.*:"

NATIONAL = "national_id"
# A column of nothing but numbers holds some that pass a check digit by chance: one in ten, or fewer.
_MOST = 0.5

Ends = Callable[[re.Match[str]], int | None]
"""Where a candidate ends, or None if it only looks like one."""


@dataclass(frozen=True)
class Form:
    """One kind of personal data: `kind` is its token, `sure`: a single cell of this form is no coincidence."""

    kind: str
    what: str
    pattern: re.Pattern[str]
    ends: Ends
    sure: bool


@dataclass(frozen=True, order=True)
class Detection:
    """Something personal in a text: from `start` to `end`."""

    start: int
    end: int
    kind: str
    what: str
    sure: bool


def candidates(texts: Any) -> list[bool]:
    """Which texts of an Arrow array may hold personal data: a fast filter that excludes nearly all of them."""
    import pyarrow.compute as pc

    matches: list[bool] = pc.match_substring_regex(texts, _CANDIDATE).to_pylist()
    return matches


def find(text: str, kinds: Collection[str] | None = None) -> list[Detection]:
    """The personal data in a text, in order and without overlaps; of two that overlap the form listed first wins."""
    detections: list[Detection] = []
    for form in FORMS:
        if kinds is None or form.kind in kinds:
            detections += [
                detection
                for detection in _matches(form, text)
                if not any(_overlap(detection, earlier) for earlier in detections)
            ]
    return sorted(detections)


def mask(text: str) -> str:
    """The text with a token such as `<email>` in place of every detection."""
    parts, at = [], 0
    for detection in find(text):
        parts += [text[at : detection.start], f"<{detection.kind}>"]
        at = detection.end
    return "".join([*parts, text[at:]])


def in_values(values: Iterable[str]) -> dict[str, int]:
    """How many of a column's different texts hold each kind of personal data, by its name in words.

    A number that is a whole cell counts if the form is sure or most cells are such numbers, anywhere else always.
    """
    import pyarrow as pa

    among, alone, sure = Counter[str](), Counter[str](), set[str]()
    texts = pa.array(values, pa.string())
    count = len(texts)
    for value in texts.filter(pa.array(candidates(texts), pa.bool_())).to_pylist():
        for detection in find(value):
            fills_cell = value[: detection.start].strip() == "" == value[detection.end :].strip()
            (alone if fills_cell else among)[detection.what] += 1
            sure |= {detection.what} if detection.sure else set()
    totals = {what: among[what] + alone[what] for what in among | alone}
    return {
        what: rows
        for what, rows in sorted(totals.items(), key=lambda item: (-item[1], item[0]))
        if among[what] or what in sure or alone[what] >= _MOST * count
    }


def in_columns(table: Any) -> dict[str, dict[str, int]]:
    """The same for each column of an Arrow table of texts; those without any are left out."""
    import pyarrow.compute as pc

    kinds_by_column = {name: in_values(pc.unique(table[name].drop_null()).to_pylist()) for name in table.column_names}
    return {name: kinds for name, kinds in kinds_by_column.items() if kinds}


def _matches(form: Form, text: str) -> Iterator[Detection]:
    for match in form.pattern.finditer(text):
        end = form.ends(match)
        if end is not None:
            yield Detection(match.start(), end, form.kind, form.what, form.sure)


def _overlap(first: Detection, second: Detection) -> bool:
    return first.start < second.end and second.start < first.end


def _match_end(match: re.Match[str]) -> int | None:
    return match.end()


def _match_passing(test: Callable[[str], bool]) -> Ends:
    """The whole match, if its letters and digits pass a test."""
    return lambda match: match.end() if test(re.sub(r"[^0-9A-Za-z]", "", match.group()).upper()) else None


def _card(match: re.Match[str]) -> int | None:
    """The longest beginning of a run of digits that is a card's number and ends where a group of digits does."""
    text = match.group()
    for end in range(len(text), 12, -1):
        if text[end - 1].isdigit() and not text[end : end + 1].isdigit() and check_digits.card(digits_of(text[:end])):
            return match.start() + end
    return None


def _iban(match: re.Match[str]) -> int | None:
    """As many letters and digits as the country's numbers have, whatever follows them."""
    length = check_digits.IBAN_LENGTHS.get(match.group()[:2].upper(), 0)
    characters = ""
    for at, sign in enumerate(match.group()):
        characters += sign if sign.isalnum() else ""
        if len(characters) == length:
            follows = match.string[match.start() + at + 1 : match.start() + at + 2]
            return match.start() + at + 1 if not follows.isalnum() and check_digits.iban(characters) else None
    return None


def _ipv4(match: re.Match[str]) -> int | None:
    # 0.x, 127.x and 255.x name no machine of anybody.
    return None if match.group().split(".")[0] in ("0", "127", "255") else match.end()


def _ipv6(match: re.Match[str]) -> int | None:
    text = match.group().rstrip(":") if not match.group().endswith("::") else match.group()
    if sum(bool(group) for group in text.split(":")) < 4 or not re.search(r"\d", text):
        return None
    try:
        IPv6Address(text)
    except ValueError:
        return None
    return match.start() + len(text)


def _phone(match: re.Match[str]) -> int | None:
    dated = re.match(r"\d{1,2}([/.-])\d{1,2}\1(\d{4}|\d{2})\b", match.group())
    return None if dated or len(set(digits_of(match.group()))) < 3 else match.end()


def _form(kind: str, what: str, pattern: str, ends: Ends = _match_end, *, sure: bool = True) -> Form:
    # ASCII, as RE2 has it; addresses alone have letters of every alphabet.
    return Form(kind, what, re.compile(pattern, re.IGNORECASE | (0 if "@" in pattern else re.ASCII)), ends, sure)


_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
FORMS = (
    _form("email", "e-mail address", r"[\w.%+'-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}\b"),
    _form("iban", "IBAN", r"\b[A-Z]{2}\d{2}(?:[ -]?[A-Z0-9]){11,30}", _iban),
    _form("card", "payment card number", r"(?<![\w.,+-])\d(?:[ -]?\d){12,18}(?![\d])", _card, sure=False),
    _form(
        NATIONAL,
        "US social security number",
        r"(?<![\w-])(?!000|666|9)\d{3}([- ])(?!00)\d\d\1(?!0000)\d{4}(?![\w-])",
    ),
    _form(
        NATIONAL,
        "UK national insurance number",
        r"\b(?!BG|GB|KN|NK|NT|TN|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]\b",
        sure=False,
    ),
    _form(
        NATIONAL,
        "French INSEE number",
        r"(?<![\w.,+-])[12] ?\d\d ?\d\d ?(?:\d\d|2[AB]) ?\d{3} ?\d{3} ?\d\d\b",
        _match_passing(check_digits.insee),
        sure=False,
    ),
    _form(NATIONAL, "Swiss AHV number", r"\b756[. ]?\d{4}[. ]?\d{4}[. ]?\d\d\b", _match_passing(check_digits.ean)),
    _form(
        NATIONAL,
        "Italian codice fiscale",
        r"\b[A-Z]{6}\d\d[A-EHLMPRST]\d\d[A-Z]\d{3}[A-Z]\b",
        _match_passing(check_digits.fiscale),
    ),
    _form(NATIONAL, "Brazilian CPF", r"\b\d{3}\.\d{3}\.\d{3}-\d\d\b", _match_passing(check_digits.cpf)),
    _form(NATIONAL, "Swedish personnummer", r"\b(?:\d\d)?\d{6}[-+]\d{4}\b", _match_passing(check_digits.personnummer)),
    _form(
        NATIONAL,
        "Spanish DNI or NIE",
        r"\b(?:\d{8}|[XYZ]-?\d{7})-?[A-Z]\b",
        _match_passing(check_digits.dni),
        sure=False,
    ),
    _form(
        NATIONAL,
        "German tax number",
        r"(?<![\w.,+-])[1-9]\d(?: ?\d{3}){3}\b",
        _match_passing(check_digits.steuer_id),
        sure=False,
    ),
    _form(NATIONAL, "Polish PESEL", r"(?<![\w.,+-])\d{11}\b", _match_passing(check_digits.pesel), sure=False),
    _form("ip", "IP address", rf"(?<![\w.])(?:{_BYTE}\.){{3}}{_BYTE}(?!\.?\d|[\w-])", _ipv4),
    _form("ip", "IP address", r"(?<![\w:.])[0-9A-F:]{6,39}(?!\w)", _ipv6),
    _form("phone", "phone number", r"(?<![\w+])\+ ?[1-9](?:[ ()./-]{0,2}\d){6,14}(?!\w)", _phone),
    _form(
        "phone",
        "phone number",
        r"(?<![\w.,+-])(?:\([2-9]\d\d\) ?|(?:1[-. ])?[2-9]\d\d([-.]))[2-9]\d\d[-.]\d{4}(?![\w-])",
        _phone,
    ),
    _form(
        "phone",
        "phone number",
        r"(?<![\w.,+-])(?:\(0[1-9]\d{0,3}\)(?:[ /-]{0,2}\d){5,10}|0[1-9](?:[ /-]{0,2}\d){8,12})(?!\w)",
        _phone,
        sure=False,
    ),
)
"""Every form, surest first: a later one finds only what an earlier one has left."""
