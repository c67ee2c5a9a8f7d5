import pytest
from hypothesis import given
from hypothesis import strategies as st

from augmill.policies.yaml_source import MAX_DEPTH, MAX_NODES, parse


def faults(text):
    document = parse(text)
    return [(fault.line, fault.message) for fault in document.faults]


def test_values_and_their_lines_are_read():
    document = parse("a: 1\nb:\n  - x\n  - {c: 0.5}\n")
    assert document.value == {"a": 1, "b": ["x", {"c": 0.5}]}
    assert document.faults == []
    assert [document.line_of(path) for path in [("a",), ("b",), ("b", 0), ("b", 1, "c")]] == [1, 2, 3, 4]


def test_a_path_that_is_not_there_has_the_line_of_what_encloses_it():
    assert parse("a: 1\nb:\n  c: 2\n").line_of(("b", "d", 7)) == 2


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("Yes", "Yes"), ("on", "on"), ("off", "off"), ("y", "y"),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("12", 12), ("-3", -3), ("+4", 4), ("0x1F", 31), ("0o17", 15), ("0", 0),
        ("1e-3", 0.001), (".5", 0.5), ("1.", 1.0), ("1_000", "1_000"), ("1:30", "1:30"),
        ("2026-01-02", "2026-01-02"), ("'7'", "7"), ('"true"', "true"), ("NO", "NO"), (".inf", float("inf")),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text, value):
    read = parse(f"a: {text}").value["a"]
    assert read == value
    assert type(read) is type(value)


def test_keys_stay_texts():
    assert parse("{1: a, true: b, 1e5: c}").value == {"1": "a", "true": "b", "1e5": "c"}


def test_a_number_with_a_leading_zero_must_be_quoted():
    assert faults("a: 007") == [(1, "007 may be a number or a text; readers of YAML differ.")]


def test_a_python_object_tag_is_refused_and_runs_nothing(tmp_path):
    marker = tmp_path / "ran"
    found = faults(f"a: 1\nb: !!python/object/apply:os.system ['touch {marker}']\n")
    assert found[0][0] == 2
    assert "tag:yaml.org,2002:python/object/apply:os.system is refused" in found[0][1]
    assert not marker.exists()


def test_an_anchor_that_contains_itself_is_refused():
    assert faults("a: &x\n  b: *x\n") == [(2, "The anchor &x contains itself.")]


def test_anchors_that_multiply_are_refused():
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    found = faults("\n".join(bomb))
    assert len(found) == 1
    assert f"More than {MAX_NODES:,} values" in found[0][1]


def test_a_plain_alias_is_allowed():
    assert parse("a: &why because\nb: *why\n").value == {"a": "because", "b": "because"}


def test_an_alias_without_anchor_is_refused():
    assert faults("a: *x\n") == [(1, "There is no anchor &x above.")]


def test_deep_nesting_is_refused():
    assert faults("a: " + "[" * 2000) == [(1, f"Nested deeper than {MAX_DEPTH} levels.")]


def test_a_double_key_names_both_lines():
    assert faults("a: 1\nb: 2\na: 3\n") == [(3, "The key a stands twice, first in line 1.")]


def test_merge_keys_second_documents_and_odd_keys_are_refused():
    assert "Merge keys" in faults("a: &x {b: 1}\nc:\n  <<: *x\n")[0][1]
    assert faults("a: 1\n---\nb: 2\n") == [(2, "A second document begins here.")]
    assert faults("? [1]\n: 2\n") == [(1, "A key must be plain text.")]


def test_broken_text_says_where_and_what_to_do():
    document = parse("a: 1\nb:\n\t- c\n")
    assert document.value is None
    assert document.faults[0].line == 3
    assert document.faults[0].remedy == "Indent with spaces, never with tabs."
    assert parse("a: b: c").faults[0].remedy == "Put texts that hold a colon in quotes."
    assert parse("a: 1\nb: \x00").faults[0].line == 2


def test_all_faults_are_collected():
    assert [line for line, _ in faults("a: !x 1\nb: 01\nb: 2\nc: *d\n")] == [1, 2, 3, 4]


@given(
    st.text(alphabet=st.characters(codec="utf-8"), max_size=200) | st.text("&*!{}[]:-? \nab01'\"#|>%@`,~<", max_size=60)
)
def test_no_text_makes_it_crash(text):
    parse(text)
