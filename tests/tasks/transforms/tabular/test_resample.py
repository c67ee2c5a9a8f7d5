"""Over-samplers of imbalanced-learn by name: its very rows, traced to their nearest, or one error that says why not."""

from __future__ import annotations

import sys
from dataclasses import replace

import imblearn.over_sampling
import numpy as np
import pytest
from imblearn.over_sampling import ADASYN, SMOTE, SVMSMOTE, BorderlineSMOTE, KMeansSMOTE, RandomOverSampler
from pydantic import ValidationError
from scipy.spatial.distance import cdist

from augmill.policies.errors import DataError, PolicyError
from augmill.policies.load import load
from augmill.tasks.modalities import tabular
from augmill.tasks.modalities.modality_contract import Op
from augmill.tasks.transforms.catalogue import Catalogue
from augmill.tasks.transforms.table import Block
from augmill.tasks.transforms.tabular import _imblearn, resample

K_MEANS = {"kmeans_estimator": 4, "cluster_balance_threshold": 0.1}
NUMERIC = {
    "ADASYN": (ADASYN, {}),
    "BorderlineSMOTE": (BorderlineSMOTE, {"kind": "borderline-2"}),
    "KMeansSMOTE": (KMeansSMOTE, K_MEANS),
    "RandomOverSampler": (RandomOverSampler, {"shrinkage": 0.3}),
    "SMOTE": (SMOTE, {"k_neighbors": 3}),
    "SVMSMOTE": (SVMSMOTE, {}),
}


def params_of(sampler: str, k_parents: int = 2, **arguments):
    return (
        Catalogue()
        .find("tabular.resample")
        .parameters({"sampler": sampler, "params": arguments, "k_parents": k_parents})
    )


def planned(pool, count=50, seed=2**40 + 5):
    return replace(pool, count=count, seed=seed)


def children_of(params, pool, state):
    """Base, drawn values and block of every child, in the order of bases."""
    counts = state["weights"].astype(np.int64)
    bases = np.repeat(np.arange(len(counts)), counts)
    copies = np.arange(len(bases)) - np.repeat(np.cumsum(counts) - counts, counts)
    drawn = resample.draw(params, pool.spec, {**state, "copies": copies}, np.zeros(len(bases), np.int64), bases)
    return bases, drawn, resample.apply(params, pool.spec, [], drawn)


def ordered(rows):
    return rows[np.lexsort(rows.T[::-1])]


def test_every_over_sampler_of_the_library_is_taken():
    assert {*NUMERIC, "SMOTENC", "SMOTEN"} == set(imblearn.over_sampling.__all__)


@pytest.mark.parametrize("name", NUMERIC)
def test_children_are_the_rows_that_the_library_makes(name, overlapping, pool_of):
    """From the same rows in standard deviations, the same seed and the same amount."""
    x, y = overlapping
    kind, arguments = NUMERIC[name]
    pool = planned(pool_of(x, y))
    params = params_of(name, **arguments)
    _, _, made = children_of(params, pool, resample.fit(params, pool))
    centre, scale = x.mean(axis=0), x.std(axis=0)
    theirs, labels = kind(sampling_strategy={1: 80}, random_state=pool.seed % 2**32, **arguments).fit_resample(
        (x - centre) / scale, y
    )
    theirs = theirs[len(x) :] * scale + centre
    assert set(labels[len(x) :]) == {1}
    if len(theirs) > 50:  # k-means SMOTE rounds the share of every cluster up: the surplus is left out at random
        assert name in ("KMeansSMOTE", "ADASYN")
        assert len(made) == 50
        assert (cdist(made.numeric / scale, theirs / scale).min(axis=1) < 1e-9).all()
    else:
        np.testing.assert_allclose(ordered(made.numeric), ordered(theirs), rtol=1e-9, atol=1e-12)
        assert len(made) == (len(theirs) if name == "ADASYN" else 50)


@pytest.mark.parametrize("name", NUMERIC)
def test_the_same_seed_gives_the_same_rows_and_another_seed_or_amount_others(name, overlapping, pool_of):
    pool = planned(pool_of(*overlapping))
    params = params_of(name, **NUMERIC[name][1])
    one, two = resample.fit(params, pool), resample.fit(params, pool)
    assert all(np.array_equal(one[key], two[key]) for key in one)
    other = resample.fit(params, replace(pool, seed=1))
    assert not np.array_equal(ordered(one["numeric"])[:5], ordered(other["numeric"])[:5])


@pytest.mark.parametrize("k_parents", [1, 2, 4])
def test_parents_are_the_nearest_rows_of_the_class(k_parents, overlapping, pool_of):
    x, y = overlapping
    pool = planned(pool_of(x, y))
    params = params_of("SVMSMOTE", k_parents)
    bases, drawn, made = children_of(params, pool, resample.fit(params, pool))
    rows, scale = np.flatnonzero(y == 1), x.std(axis=0)
    nearest = rows[np.argsort(cdist(made.numeric / scale, x[rows] / scale), axis=1)[:, :k_parents]]
    assert np.array_equal(nearest, np.column_stack([bases, drawn["partners"]]))
    assert set(drawn["k_parents"]) == {k_parents}


def test_equally_near_rows_are_parents_in_the_order_of_the_pool(overlapping, pool_of):
    x, y = overlapping
    twice, labels = np.vstack([x, x]), np.concatenate([y, y])
    pool = planned(pool_of(twice, labels))
    params = params_of("SMOTE")
    bases, drawn, _ = children_of(params, pool, resample.fit(params, pool))
    assert np.array_equal(drawn["partners"][:, 0], bases + len(x))


def test_what_the_sampler_took_over_is_exact_and_whole_numbers_stay_whole(overlapping, pool_of):
    x, y = overlapping
    same = np.random.default_rng(0).normal(size=40)
    x = np.column_stack([np.rint(x[:, 1]), x, np.where(y[:, None] == 1, same, x[:, :1])])
    pool = planned(pool_of(x, y), 200)
    columns = (replace(pool.spec.columns[0], kind="integer"), *pool.spec.columns[1:])
    pool = replace(pool, spec=replace(pool.spec, columns=columns))
    state = resample.fit(params_of("SMOTE"), pool)
    assert (state["numeric"][:, 4:] == same).all()
    assert np.array_equal(state["numeric"][:, 0], np.rint(state["numeric"][:, 0]))
    mine = x[y == 1]
    assert (state["numeric"] >= mine.min(axis=0)).all()
    assert (state["numeric"] <= mine.max(axis=0)).all()


@pytest.mark.parametrize("name", ["SMOTENC", "SMOTEN"])
def test_categories_come_back_as_categories(name, overlapping, pool_of):
    x, y = overlapping
    codes = np.column_stack([np.arange(120) % 3, (np.arange(120) + y) % 5])
    numbers = x if name == "SMOTENC" else np.empty((120, 0))
    pool = planned(pool_of(numbers, y, codes))
    params = params_of(name)
    bases, drawn, made = children_of(params, pool, resample.fit(params, pool))
    assert made.codes.dtype == np.int32
    assert made.numeric.shape == (50, numbers.shape[1])
    assert set(made.codes[:, 0].tolist()) <= {0, 1, 2}
    rows = np.flatnonzero(y == 1)
    scale = numbers.std(axis=0)
    away = cdist(made.numeric / scale, numbers[rows] / scale, "sqeuclidean") if name == "SMOTENC" else 0.0
    away = away + (made.codes[:, None, :] != codes[rows][None, :, :]).sum(axis=2)
    assert np.array_equal(rows[np.argsort(away, axis=1, kind="stable")[:, 0]], bases) or name == "SMOTENC"
    at = np.searchsorted(rows, np.column_stack([bases, drawn["partners"]]))
    np.testing.assert_allclose(np.take_along_axis(away, at, axis=1), np.sort(away, axis=1)[:, :2], atol=1e-9)


def test_a_category_that_no_row_has_is_refused(overlapping, pool_of, monkeypatch):
    x, y = overlapping
    pool = planned(pool_of(x, y, np.column_stack([np.arange(120) % 3])))
    monkeypatch.setattr(_imblearn, "rows_added", lambda *given, **more: np.array([[0.0, 0.0, 0.0, 1.5]]))
    with pytest.raises(DataError, match="it added categories that no row has"):
        resample.fit(params_of("SMOTENC"), pool)


@pytest.mark.parametrize(
    ("name", "columns"), [("SMOTE", "numeric"), ("SMOTENC", "mixed"), ("SMOTEN", "categorical"), ("ADASYN", "numeric")]
)
def test_columns_are_taken_as_the_sampler_does(name, columns, overlapping, pool_of):
    x, y = overlapping
    assert resample.accepts(params_of(name)).columns == columns
    description = tabular.spec_to_json(pool_of(x, y, np.column_stack([y])).spec)
    sentences = tabular.refusals(Op(resample.USE, resample, params_of(name), 1.0), description)
    assert bool(sentences) == (columns != "mixed")


def policy_of(tmp_path, text):
    file = tmp_path / "policies" / "made.yaml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(
        "dataset: made\nmodality: tabular\nsource: {uri: a.csv}\nlabel: y\nsteps:\n  - name: one\n"
        f"    transforms: [{{use: tabular.resample, params: {text}}}]\n    amount: {{copies: 1}}\n"
    )
    return file


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{sampler: KMeanSMOTE}", "no over-sampler called 'KMeanSMOTE' (did you mean KMeansSMOTE"),
        ("{sampler: SMOTE, params: {sampling_strategy: auto}}", "leave out sampling_strategy: the step's `amount`"),
        ("{sampler: SMOTE, params: {random_state: 3}}", "leave out random_state"),
        ("{sampler: KMeansSMOTE, params: {n_jobs: 3}}", "leave out n_jobs"),
        ("{sampler: SMOTENC, params: {categorical_features: [0]}}", "leave out categorical_features"),
        (
            "{sampler: SMOTE, params: {k_neighbours: 3}}",
            "SMOTE has no argument 'k_neighbours' (did you mean k_neighbors",
        ),
        (
            "{sampler: SMOTE, params: {k_neighbors: 0}}",
            "SMOTE refuses its params: The 'k_neighbors' parameter of SMOTE",
        ),
        ("{sampler: KMeansSMOTE, params: {kmeans_estimator: Ward}}", "KMeansSMOTE refuses its params"),
        ("{sampler: RandomOverSampler}", "only copies rows unless shrinkage is a number above 0"),
        ("{sampler: RandomOverSampler, params: {shrinkage: 0.0}}", "only copies rows unless shrinkage"),
        ("{sampler: TomekLinks}", "no over-sampler called 'TomekLinks'"),
        ("{sampler: 'imblearn.under_sampling:TomekLinks'}", "TomekLinks removes rows"),
        ("{sampler: 'imblearn.combine:SMOTEENN'}", "SMOTEENN removes rows"),
        (
            "{sampler: 'os:system'}",
            "no installed distribution that requires imbalanced-learn or scikit-learn holds 'os'",
        ),
        ("{sampler: 'imblearn.nowhere:Any'}", "imblearn.nowhere cannot be imported"),
        ("{sampler: 'imblearn.over_sampling:Any'}", "imblearn.over_sampling has no class called 'Any'"),
        ("{sampler: 'imblearn.base:SamplerMixin'}", "is no over-sampler"),
        ("{sampler: SMOTE, k_parents: 0}", "must be greater than or equal to 1"),
    ],
)
def test_what_cannot_work_is_one_policy_error_before_any_data_is_read(tmp_path, text, sentence):
    with pytest.raises(PolicyError) as caught:
        load(policy_of(tmp_path, text), Catalogue())
    (finding,) = caught.value.findings
    assert (finding.rule, finding.line) == ("AUG006", 7)
    assert sentence in finding.message


def test_two_faults_of_the_params_are_told_at_once():
    with pytest.raises(ValidationError) as caught:
        params_of("SMOT", random_state=1, n_jobs=2)
    for fault in ("no over-sampler called 'SMOT'", "leave out random_state", "leave out n_jobs"):
        assert fault in str(caught.value)


def test_a_sampler_that_finds_nothing_to_do_is_an_error_with_advice(overlapping, pool_of):
    x, y = overlapping
    far = x + 1000.0 * x.std(axis=0) * y[:, None]
    for name, reason in (("ADASYN", "Use SMOTE instead"), ("BorderlineSMOTE", "added no row")):
        with pytest.raises(DataError, match=f"{name} made no row of class '1': .*{reason}") as caught:
            resample.fit(params_of(name), planned(pool_of(far, y)))
        assert "tabular.smote" in caught.value.remedy
        assert caught.value.report == {
            "rule": "sampler_made_nothing",
            "sampler": name,
            "label": "1",
            "planned": 50,
        }
    with pytest.raises(DataError, match=r"No clusters found with sufficient samples of class 1\. Try"):
        resample.fit(params_of("KMeansSMOTE", cluster_balance_threshold=1.01), planned(pool_of(x, y)))


def test_one_class_alone_is_an_error_of_its_own(overlapping, pool_of):
    x, y = overlapping
    with pytest.raises(DataError, match="needs rows of a second class, because SMOTE does; all 30") as caught:
        resample.fit(params_of("SMOTE"), planned(pool_of(x[y == 1], y[y == 1])))
    assert caught.value.report["rule"] == "one_class"


def test_a_sampler_that_makes_fewer_rows_has_fewer_children(overlapping, pool_of):
    params = params_of("ADASYN")
    pool = planned(pool_of(*overlapping))
    made = [int(resample.fit(params, replace(pool, count=count))["weights"].sum()) for count in range(20, 60)]
    assert all(number <= count for number, count in zip(made, range(20, 60), strict=True))
    assert any(number < count for number, count in zip(made, range(20, 60), strict=True))


def test_a_child_beyond_those_that_were_made_is_an_error(overlapping, pool_of):
    pool, params = planned(pool_of(*overlapping)), params_of("SMOTE")
    state = resample.fit(params, pool)
    base = state["bases"][:1]
    for copies, bases in (
        (state["counts"][:1], base),
        (np.array([-1]), base),
        (np.array([0]), np.array([len(pool.block)])),
    ):
        with pytest.raises(DataError, match="no row of SMOTE left"):
            resample.draw(params, pool.spec, {**state, "copies": copies}, np.zeros(1, np.int64), bases)


SAMPLERS = '''
import numpy as np
from imblearn.over_sampling import SMOTE
from imblearn.over_sampling.base import BaseOverSampler


class Twice(BaseOverSampler):
    """Repeats the first row of each class, shifted by a step."""

    def __init__(self, *, sampling_strategy="auto", step=0.5):
        super().__init__(sampling_strategy=sampling_strategy)
        self.step = step

    def _fit_resample(self, X, y):
        parts, labels = [X], [y]
        for label, count in self.sampling_strategy_.items():
            parts.append(X[y == label][np.arange(count) % (y == label).sum()] + self.step)
            labels.append(np.full(count, label))
        return np.vstack(parts), np.concatenate(labels)


class Unseeded(Twice):
    def _fit_resample(self, X, y):
        X, y = super()._fit_resample(X, y)
        X[-1] += id(object()) % 977 + np.random.default_rng().random()
        return X, y


class Replaces(Twice):
    def _fit_resample(self, X, y):
        X, y = super()._fit_resample(X, y)
        return X[1:], y[1:]


class Others(Twice):
    def _fit_resample(self, X, y):
        X, y = super()._fit_resample(X, y)
        y[-1] = 0
        return X, y


class Broken(Twice):
    def _fit_resample(self, X, y):
        X, y = super()._fit_resample(X, y)
        X[-1] = np.nan
        return X, y
'''


@pytest.fixture(params=["imbalanced-learn>=0.14"])
def foreign(request, tmp_path, monkeypatch):
    """An installed distribution with samplers of its own."""
    (tmp_path / "made_samplers.py").write_text(SAMPLERS)
    about = tmp_path / "made_samplers-2.5.dist-info"
    about.mkdir()
    need = f"Requires-Dist: {request.param}\n" if request.param else ""
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: made-samplers\nVersion: 2.5\n{need}")
    (about / "top_level.txt").write_text("made_samplers\n")
    monkeypatch.syspath_prepend(tmp_path)
    _imblearn.sampler_class.cache_clear()
    yield
    _imblearn.sampler_class.cache_clear()
    sys.modules.pop("made_samplers", None)


@pytest.mark.usefixtures("foreign")
def test_a_sampler_of_another_package_is_taken(overlapping, pool_of):
    x, y = overlapping
    params = params_of("made_samplers:Twice", step=2.0)
    pool = planned(pool_of(x, y), 30)
    state = resample.fit(params, pool)
    np.testing.assert_allclose(ordered(state["numeric"]), ordered(x[y == 1] + 2.0 * x.std(axis=0)), rtol=1e-9)
    assert resample.libraries(params) == ("made-samplers",)
    assert resample.libraries(params_of("SMOTE")) == ()
    with pytest.raises(ValidationError, match=r"has no argument 'stepp' \(did you mean step"):
        params_of("made_samplers:Twice", stepp=2.0)


@pytest.mark.usefixtures("foreign")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Unseeded", "it gave other rows for the same rows and the same random_state"),
        ("Replaces", "it did not give back the rows that it was to add to"),
        ("Others", "it added rows of other classes"),
        ("Broken", "it added rows with values that are no numbers"),
    ],
)
def test_a_sampler_that_breaks_the_rules_is_refused(name, reason, overlapping, pool_of):
    with pytest.raises(DataError, match=f"made_samplers:{name} cannot be used for class '1': {reason}"):
        resample.fit(params_of(f"made_samplers:{name}"), planned(pool_of(*overlapping)))


@pytest.mark.parametrize("foreign", ["", "requests>=2"], indirect=True)
@pytest.mark.usefixtures("foreign")
def test_a_package_that_does_not_build_on_the_library_is_not_imported():
    with pytest.raises(ValidationError, match="no installed distribution"):
        params_of("made_samplers:Twice")
    assert "made_samplers" not in sys.modules


def test_apply_hands_on_what_the_sampler_made():
    block = Block(np.array([[1.5]]), np.array([[2]], dtype=np.int32))
    drawn = {"_numeric": block.numeric, "_codes": block.codes}
    assert resample.apply(params_of("SMOTE"), None, [], drawn) == block or np.array_equal(
        resample.apply(params_of("SMOTE"), None, [], drawn).numeric, block.numeric
    )
