from augmill.policies.names import did_you_mean, natural_sort_key


def test_labels_are_sorted_as_a_person_counts():
    labels = ["10", "b", "9", "nan", "-1.5", "a", "2", "inf", "1e2", ""]
    assert sorted(labels, key=natural_sort_key) == ["-1.5", "2", "9", "10", "1e2", "", "a", "b", "inf", "nan"]


def test_without_a_near_miss_the_names_are_listed_in_that_order_and_cut_where_they_are_many():
    assert did_you_mean("straw", ["10", "9", "hay"]) == "Choose from 9, 10, hay."
    assert did_you_mean("hey", ["10", "9", "hay"]) == "Did you mean hay?"
    assert did_you_mean("x", map(str, range(1000))).endswith("38, 39 and 960 more.")


def test_columns_are_offered_in_the_order_a_person_counts():
    names = [f"V{number}" for number in (10, 2, 1, 28)] + ["Amount", "Time"]
    assert did_you_mean("zzzzz", names) == "Choose from Amount, Time, V1, V2, V10, V28."
    assert sorted(["a1", "a01", "a²", "a"], key=natural_sort_key) == ["a", "a01", "a1", "a²"]
