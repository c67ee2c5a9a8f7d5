"""The verifier catches what is planted, leaves what is harmless, and says where it cannot judge."""

import cv2
import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_digits, load_wine

from augmill.policies.errors import DataError
from augmill.tasks.modalities import image
from augmill.tasks.rows.provenance import PAYLOAD_TYPE
from augmill.tasks.verifiers.calibration import CONSISTENT, CONTRADICTED, TOO_FEW, UNFAMILIAR
from augmill.tasks.verifiers.conformal import Verifier, fit

ALPHA = 0.01


def ids_of(count):
    return [f"{number:032x}" for number in range(count)]


def share(table, outcome):
    return table["outcome"].to_pylist().count(outcome) / len(table)


def gradients(pictures):
    """The features a verifier sees of 8 x 8 pictures in 0..16, by way of encoded rows as in a run."""
    encoded = [cv2.imencode(".png", np.round(picture * 255 / 16).astype(np.uint8))[1].tobytes() for picture in pictures]
    payloads = pa.array([{"bytes": one, "path": None} for one in encoded], PAYLOAD_TYPE)
    return image.features({"kinds": [[1, "uint8"]]}, pa.table({"image": payloads}))


@pytest.fixture(scope="module")
def digits():
    data = load_digits()
    labels = [str(label) for label in data.target]
    return data.images, labels, ids_of(len(labels)), fit(gradients(data.images), labels, ids_of(len(labels)), ALPHA, 0)


def clouds(rare, apart, count=900, width=12):
    """Two normal clouds, `rare` rows in class 1, `apart` standard deviations between them."""
    random = np.random.default_rng(3)
    codes = np.r_[np.zeros(count, int), np.ones(rare, int)]
    features = random.normal(size=(count + rare, width))
    features[:, :4] += codes[:, None] * apart / 2.0
    return features, [str(code) for code in codes]


def test_real_rows_held_out_are_contradicted_at_most_alpha_of_the_time(digits):
    floor = digits[3].noise_floor()
    assert max(figures["contradicted_rate"] for figures in floor) <= ALPHA
    assert min(figures["catch_rate"] for figures in floor) > 0.9
    assert digits[3].accuracy > 0.9


def test_flipped_digits_are_contradicted_far_above_the_floor_and_a_shift_by_a_pixel_is_not(digits):
    pictures, labels, ids, verifier = digits
    parents = [[one] for one in ids]
    flipped = verifier.judge(gradients(pictures[:, ::-1]), labels, parents)
    shifted = verifier.judge(gradients(np.roll(pictures, 1, axis=2)), labels, parents)
    assert share(flipped, CONTRADICTED) > 0.3
    assert share(shifted, CONTRADICTED) <= ALPHA
    assert share(shifted, UNFAMILIAR) < 0.2


def test_flipped_twos_are_never_consistent_while_flipped_zeros_mostly_are(digits):
    pictures, labels, ids, verifier = digits
    for label, low, high in (("2", 0.0, 0.1), ("0", 0.5, 1.0)):
        rows = [row for row, own in enumerate(labels) if own == label]
        table = verifier.judge(gradients(pictures[rows][:, ::-1]), [label] * len(rows), [[ids[row]] for row in rows])
        assert low <= share(table, CONSISTENT) <= high, label


def test_labels_swapped_in_a_class_of_41_rows_are_caught():
    features, labels = clouds(rare=41, apart=4.0)
    verifier = fit(features, labels, ids_of(len(labels)), ALPHA, 0)
    rare = verifier.noise_floor()[1]
    assert (rare["rows"], rare["too_few"], rare["reached_alpha"]) == (41, False, pytest.approx(1 / 42))
    swapped = verifier.judge(features[:200], ["1"] * 200, [[one] for one in ids_of(200)])
    assert share(swapped, CONTRADICTED) > 0.9
    honest = verifier.judge(features[900:], ["1"] * 41, [[one] for one in ids_of(941)[900:]])
    assert share(honest, CONTRADICTED) <= 1 / 41


def test_wrong_labels_planted_in_the_real_rows_of_a_small_class_are_caught_in_their_children():
    features, labels = clouds(rare=41, apart=5.0)
    labels[:6] = ["1"] * 6
    verifier = fit(features, labels, ids_of(len(labels)), ALPHA, 0)
    children = verifier.judge(features[:6], ["1"] * 6, [[one] for one in ids_of(6)])
    told = {CONTRADICTED} if verifier.noise_floor()[1]["catch_rate"] > 0.5 else {CONTRADICTED, CONSISTENT, UNFAMILIAR}
    # With 6 of 47 wrong, thresholds of the class are loose: either they are caught, or the catch rate says so.
    assert set(children["outcome"].to_pylist()) <= told
    assert verifier.noise_floor()[1]["catch_rate"] < 0.05 or share(children, CONTRADICTED) > 0.5


def test_a_class_with_too_few_rows_is_not_judged_and_says_so():
    features, labels = clouds(rare=12, apart=6.0)
    verifier = fit(features, labels, ids_of(len(labels)), ALPHA, 0)
    assert verifier.noise_floor()[1]["too_few"]
    table = verifier.judge(features[:50], ["1"] * 50, [[one] for one in ids_of(50)])
    assert set(table["outcome"].to_pylist()) == {TOO_FEW}


def test_a_label_never_seen_is_too_few_and_has_no_figures():
    features, labels = clouds(rare=41, apart=4.0)
    table = fit(features, labels, ids_of(len(labels)), ALPHA, 0).judge(features[:1], ["9"], [["x"]])
    assert table["outcome"].to_pylist() == [TOO_FEW]
    assert table["nonconformity"].to_pylist() == [None]


def test_a_verifier_on_noise_shows_that_it_cannot_tell_classes_apart():
    features, labels = clouds(rare=300, apart=0.0, count=300)
    verifier = fit(features, labels, ids_of(600), ALPHA, 0)
    assert abs(verifier.accuracy) < 0.15
    assert max(figures["catch_rate"] for figures in verifier.noise_floor()) < 0.05


def test_a_row_far_off_is_unfamiliar_and_not_contradicted():
    features, labels = clouds(rare=300, apart=4.0)
    verifier = fit(features, labels, ids_of(len(labels)), ALPHA, 0)
    far = np.full((20, 12), 9.0) * np.where(np.arange(12) % 2, 1.0, -1.0)
    assert share(verifier.judge(far, ["0"] * 20, [["x"]] * 20), UNFAMILIAR) == 1.0


def test_a_child_is_judged_by_a_model_that_has_seen_neither_parent():
    features, labels = clouds(rare=41, apart=4.0)
    ids = ids_of(len(labels))
    verifier = fit(features, labels, ids, ALPHA, 0)
    fold = dict(zip(verifier.keys, verifier.key_folds.tolist(), strict=True))
    pairs = [[ids[row], ids[row + 300]] for row in range(100)]
    table = verifier.judge(features[:100], labels[:100], pairs)
    for pair, left_out in zip(pairs, table["left_out"].to_pylist(), strict=True):
        assert {fold[one] for one in pair} == set(left_out)
    assert all(table["unseen"].to_pylist())


def test_a_child_of_two_parents_is_held_against_models_and_thresholds_that_leave_out_both():
    features, labels = clouds(rare=41, apart=4.0)
    ids = ids_of(len(labels))
    verifier = fit(features, labels, ids, ALPHA, 0)
    fold = dict(zip(verifier.keys, verifier.key_folds.tolist(), strict=True))
    rare = range(900, 941)
    second = [next(row for row in rare if fold[ids[row]] != fold[ids[one]]) for one in rare]
    table = verifier.judge(
        features[second], ["1"] * 41, [[ids[one], ids[row]] for one, row in zip(rare, second, strict=True)]
    )
    # Each child lies on its second parent, at no distance from it for a model that has seen that one.
    assert min(table["distance"].to_pylist()) > 0.01
    order, distance = verifier.calibrations[1].thresholds(ALPHA)
    assert verifier.calibrations[0].thresholds(ALPHA)[0][1] != order[1]
    assert set(table["threshold"].to_pylist()) == {order[1]}
    assert set(table["distance_threshold"].to_pylist()) == {distance[1]}


def test_a_p_value_is_the_share_of_held_out_rows_no_better_the_child_itself_counted():
    features, labels = clouds(rare=41, apart=4.0)
    verifier = fit(features, labels, ids_of(len(labels)), ALPHA, 0)
    known = verifier.calibrations[0].order[1]
    wrong = verifier.judge(features[:300], ["1"] * 300, [["x"]] * 300).to_pylist()
    assert {row["p_value"] for row in wrong if row["nonconformity"] > known[-1]} == {1 / 42}
    assert all(row["p_value"] == (1 + sum(known >= row["nonconformity"])) / 42 for row in wrong)


def test_a_child_of_parents_in_three_folds_is_marked_as_seen():
    features, labels = clouds(rare=41, apart=4.0)
    ids = ids_of(len(labels))
    verifier = fit(features, labels, ids, ALPHA, 0)
    by_fold = {fold: key for key, fold in zip(verifier.keys, verifier.key_folds.tolist(), strict=True)}
    table = verifier.judge(features[:2], labels[:2], [[by_fold[0], by_fold[1], by_fold[2]], [by_fold[0], by_fold[1]]])
    assert table["unseen"].to_pylist() == [False, True]


def test_a_mixed_label_is_contradicted_only_when_none_of_its_labels_could_be():
    wine = load_wine()
    labels = [str(label) for label in wine.target]
    verifier = fit(wine.data, labels, ids_of(178), 0.02, 0)
    firsts, seconds = wine.data[:40], wine.data[60:100]
    weights = pa.array([[{"label": "0", "weight": 0.6}, {"label": "1", "weight": 0.4}]] * 40)
    parents = [[one, other] for one, other in zip(ids_of(40), ids_of(100)[60:], strict=True)]
    mixed = verifier.judge(0.6 * firsts + 0.4 * seconds, ["0"] * 40, parents, weights)
    assert share(mixed, CONTRADICTED) == 0.0
    wrong = verifier.judge(wine.data[135:175], ["0"] * 40, [[one] for one in ids_of(175)[135:]], weights)
    assert share(wrong, CONTRADICTED) > 0.8
    nothing = pa.array([[{"label": "0", "weight": 1.0}, {"label": "2", "weight": 0.0}]] * 40)
    weightless = verifier.judge(wine.data[135:175], ["0"] * 40, [[one] for one in ids_of(175)[135:]], nothing)
    assert share(weightless, CONTRADICTED) > 0.8


def test_outcomes_are_the_same_bits_for_any_batching_and_after_storing(digits):
    pictures, labels, ids, verifier = digits
    features = gradients(pictures[:300, ::-1])
    parents = [[ids[row], ids[row + 900]] for row in range(300)]
    whole = verifier.judge(features, labels[:300], parents)
    again = Verifier.from_bytes(verifier.to_bytes())
    cuts = [(at, min(at + 37, 300)) for at in range(0, 300, 37)]
    parts = [again.judge(features[a:b], labels[a:b], parents[a:b]) for a, b in cuts]
    assert whole.equals(pa.concat_tables(parts).combine_chunks())


def test_the_order_of_the_real_rows_does_not_matter(digits):
    pictures, labels, ids, verifier = digits
    order = np.random.default_rng(1).permutation(len(labels))
    again = fit(gradients(pictures)[order], [labels[row] for row in order], [ids[row] for row in order], ALPHA, 0)
    assert again.to_bytes() == verifier.to_bytes()


def test_a_group_is_left_out_whole():
    features, labels = clouds(rare=41, apart=4.0)
    groups = [f"g{number // 4}" for number in range(len(labels))]
    verifier = fit(features, labels, ids_of(len(labels)), ALPHA, 0, groups)
    fold = dict(zip(verifier.keys, verifier.key_folds.tolist(), strict=True))
    table = verifier.judge(features[:40], labels[:40], [[group] for group in groups[:40]])
    assert table["left_out"].to_pylist() == [[fold[group]] for group in groups[:40]]


def test_one_class_is_refused_with_a_remedy():
    with pytest.raises(DataError, match="1 class"):
        fit(np.zeros((5, 2)), ["a"] * 5, ids_of(5), ALPHA, 0)


def test_no_children_give_an_empty_table_with_every_column(digits):
    empty = digits[3].judge(np.zeros((0, digits[3].kernel.scaling.median.size)), [], [])
    assert (len(empty), "prediction_set" in empty.column_names) == (0, True)
