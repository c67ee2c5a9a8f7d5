"""Check digits: the arithmetic that tells an issued number from arbitrary digits.

Every test takes letters and digits only, in upper case, of the form that the caller has matched already.
"""

from __future__ import annotations

import re

# SWIFT's IBAN registry, release 99: how many letters and digits a country's numbers have.
_COUNTRIES = {
    15: "NO",
    16: "BE",
    18: "DK FI FK FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA",
    30: "JO KW MU YE",
    31: "MT SC",
    32: "LC",
    33: "RU",
}
IBAN_LENGTHS = {country: length for length, names in _COUNTRIES.items() for country in names.split()}

# Issuer prefixes and lengths: Visa, Mastercard, American Express, Discover, UnionPay, Diners, JCB.
_ISSUERS = re.compile(
    r"4(\d{12}|\d{15}|\d{18})|5[1-5]\d{14}|2(22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|6(011|4[4-9]\d|5\d\d)\d{12}|62\d{14,17}|3(0[0-5]|6\d|[89]\d)\d{11}|35(2[89]|[3-8]\d)\d{12}"
)
_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
# Values of signs in odd places of a codice fiscale: 0-9 and A-J, then K-Z (decree of 23 December 1976).
_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)
_ODD_LETTERS = (*_ODD, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)


def digits_of(text: str) -> str:
    """The digits of a text."""
    return re.sub(r"\D", "", text)


def luhn(digits: str) -> bool:
    """ISO/IEC 7812: every second digit from the right is doubled, and the digits of all add up to a multiple of ten."""
    doubled = [int(digit) * (1 + position % 2) for position, digit in enumerate(reversed(digits))]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def card(digits: str) -> bool:
    """A payment card: an issuer's prefix and length, and Luhn."""
    return _ISSUERS.fullmatch(digits) is not None and len(set(digits)) > 1 and luhn(digits)


def iban(number: str) -> bool:
    """ISO 13616: moved round and with letters as numbers, the rest by 97 is 1."""
    moved = number[4:] + number[:4]
    return int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1


def insee(number: str) -> bool:
    """France: 13 signs and a key of 97 minus their rest; Corsica's 2A and 2B count as 19 and 18."""
    month = int(number[3:5])
    valid_month = 1 <= month <= 12 or 20 <= month <= 42 or month >= 50
    plain = number[:13].replace("2A", "19").replace("2B", "18")
    return valid_month and plain.isdigit() and 97 - int(plain) % 97 == int(number[13:])


def ean(digits: str) -> bool:
    """EAN-13: odd places once, even places three times, a multiple of ten."""
    return sum(int(digit) * (1 + 2 * (position % 2)) for position, digit in enumerate(digits)) % 10 == 0


def fiscale(number: str) -> bool:
    """Italy: the sixteenth sign is the rest by 26 of the values of the others, which differ by place."""
    total = sum(_odd(sign) if position % 2 == 0 else _even(sign) for position, sign in enumerate(number[:15]))
    return total % 26 == ord(number[15]) - ord("A")


def cpf(digits: str) -> bool:
    """Brazil: two check digits, each a weighted sum by 11."""
    expected = digits[:9]
    for size in (10, 11):
        rest = sum(int(digit) * weight for digit, weight in zip(expected, range(size, 1, -1), strict=True)) * 10 % 11
        expected += str(rest % 10)
    return expected == digits and len(set(digits)) > 1


def personnummer(digits: str) -> bool:
    """Sweden: a date of birth and Luhn over the last ten digits; the day may be 60 too high."""
    last = digits[-10:]
    return 1 <= int(last[2:4]) <= 12 and 1 <= int(last[4:6]) % 60 <= 31 and luhn(last)


def dni(number: str) -> bool:
    """Spain: the letter is the rest by 23; X, Y and Z of a foreigner's number count as 0, 1 and 2."""
    plain = number[:-1].translate(str.maketrans("XYZ", "012"))
    return _DNI[int(plain) % 23] == number[-1]


def steuer_id(digits: str) -> bool:
    """Germany: among ten digits one comes twice or three times and no other does; ISO 7064, mod 11,10."""
    counts = sorted((digits[:10].count(digit) for digit in set(digits[:10])), reverse=True)
    if counts[0] not in (2, 3) or counts[1] != 1:
        return False
    product = 10
    for digit in digits[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def pesel(digits: str) -> bool:
    """Poland: a date of birth, whose month tells the century, and a weighted sum by ten."""
    month, day = int(digits[2:4]) % 20, int(digits[4:6])
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, (1, 3, 7, 9) * 3, strict=False))
    # The eleventh weight of the pattern is 7; the check digit itself counts once.
    return 1 <= month <= 12 and 1 <= day <= 31 and (weighted - 6 * int(digits[10])) % 10 == 0


def _even(sign: str) -> int:
    return int(sign) if sign.isdigit() else ord(sign) - ord("A")


def _odd(sign: str) -> int:
    return _ODD[int(sign)] if sign.isdigit() else _ODD_LETTERS[ord(sign) - ord("A")]
