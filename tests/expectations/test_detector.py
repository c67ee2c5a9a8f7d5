import re

import numpy as np
import pyarrow as pa
import pytest

from augmill.expectations.detector import candidates, find, in_values, mask

# Published examples, and numbers made for tests: nobody has them.
PERSONAL = {
    "ada.lovelace+1@example.co.uk": ("email", "e-mail address"),
    "jürgen@müller.example": ("email", "e-mail address"),
    "GB82 WEST 1234 5698 7654 32": ("iban", "IBAN"),
    "DE89370400440532013000": ("iban", "IBAN"),
    "NO9386011117947": ("iban", "IBAN"),
    "4111 1111 1111 1111": ("card", "payment card number"),
    "5500-0000-0000-0004": ("card", "payment card number"),
    "378282246310005": ("card", "payment card number"),
    "078-05-1120": ("national_id", "US social security number"),
    "AB 12 34 56 C": ("national_id", "UK national insurance number"),
    "1 84 12 76 451 089 46": ("national_id", "French INSEE number"),
    "756.9217.0769.85": ("national_id", "Swiss AHV number"),
    "RSSMRA85T10A562S": ("national_id", "Italian codice fiscale"),
    "390.533.447-05": ("national_id", "Brazilian CPF"),
    "811218-9876": ("national_id", "Swedish personnummer"),
    "12345678Z": ("national_id", "Spanish DNI or NIE"),
    "X1234567L": ("national_id", "Spanish DNI or NIE"),
    "86095742719": ("national_id", "German tax number"),
    "02070803628": ("national_id", "Polish PESEL"),
    "192.168.10.77": ("ip", "IP address"),
    "2001:db8:85a3::8a2e:370:7334": ("ip", "IP address"),
    "+44 7911 123456": ("phone", "phone number"),
    "(555) 234-5678": ("phone", "phone number"),
    "08712405020": ("phone", "phone number"),
}
# The last digit or letter is wrong, or a part is nobody's.
NEARLY = [
    "GB82 WEST 1234 5698 7654 33",
    "DE89370400440532013001",
    "4111 1111 1111 1112",
    "9999 9999 9999 9995",
    "000-05-1120",
    "078-00-1120",
    "1 84 12 76 451 089 47",
    "756.9217.0769.84",
    "RSSMRA85T10A562T",
    "390.533.447-06",
    "811218-9875",
    "12345678A",
    "86095742718",
    "12070803621",
    "256.168.10.77",
    "127.0.0.1",
    "12:30:45",
    "AA:BB:CC:DD:EE:FF",
    "std::vector::size",
    "@ home",
    "msgs@150p",
    "v1.2.3",
    "01-02-2020 12:30",
    "2020-01-01 12:00:00.123456",
    "3.14159265358979",
    "1,234,567.89",
    "https://example.org/12345678901234567890",
    "0" * 64,
    "1f3870be274f6c49b3e31a0c6728957f1f3870be274f6c49b3e31a0c6728957f",
]


@pytest.mark.parametrize("text", PERSONAL)
def test_each_form_is_found_alone_and_within_a_sentence(text):
    for around in ("{}", "it is {}, or so", "({})"):
        sentence = around.format(text)
        assert [(one.kind, one.what) for one in find(sentence)] == [PERSONAL[text]]
        assert sentence[find(sentence)[0].start : find(sentence)[0].end] == text
        assert mask(sentence) == around.format(f"<{PERSONAL[text][0]}>")


@pytest.mark.parametrize("text", PERSONAL)
def test_the_quick_look_lets_everything_through_that_is_something(text):
    assert candidates(pa.array([text, f"it is {text}\nor so"])) == [True, True]


@pytest.mark.parametrize("text", NEARLY)
def test_what_only_looks_like_it_is_left_alone(text):
    assert find(text) == []
    assert mask(f"it is {text}, or so") == f"it is {text}, or so"


def test_each_is_found_where_several_follow_one_another():
    text = (
        "card 4111 1111 1111 1111 12/27, ada@example.com;bob@example.com and GB82WEST12345698765432 AND +49 30 901820"
    )
    assert mask(text) == "card <card> 12/27, <email>;<email> and <iban> AND <phone>"
    assert [one.kind for one in find(text, ["email"])] == ["email", "email"]


def test_a_masked_text_holds_nothing_any_more():
    for text in PERSONAL:
        assert find(mask(f"a {text} b")) == []


def test_numbers_that_pass_by_chance_are_no_finding_unless_most_cells_do():
    draws = np.random.default_rng(0).integers(10**15, 10**16, 20_000)
    numbers = [str(number) for number in draws]
    by_chance = [number for number in numbers if find(number)]
    assert 100 < len(by_chance) < 2000
    assert in_values(numbers) == {}
    assert in_values([*by_chance, *numbers[: len(by_chance) // 2]])
    assert in_values([*numbers, f"paid with {by_chance[0]} on Monday"])
    assert in_values([*numbers, "ada@example.com"]) == {"e-mail address": 1}


@pytest.mark.parametrize("form", ["{:.6f}", "{:.15g}", "{:.0f}", "{:.2e}", "{:08.0f}"])
def test_columns_of_plain_numbers_raise_no_alarm(form):
    values = np.abs(np.random.default_rng(1).normal(0.0, 1e5, 20_000))
    assert in_values([form.format(value) for value in values]) == {}


def test_a_hostile_text_does_not_take_forever():
    for text in ("a" * 20_000, "1" * 20_000, "1 " * 10_000, "a.b@" * 5_000, ":" * 20_000, "0-" * 10_000):
        assert re.sub(r"<\w+>", "", mask(text)) is not None
