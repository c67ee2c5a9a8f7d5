"""Laws that hold for every table transform there is, found by walking the folder."""

from __future__ import annotations

import importlib
import json
import pickle
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import augmill.tasks.transforms
from augmill.policies.errors import DataError, PolicyError
from augmill.policies.schema import Policy
from augmill.tasks.modalities import tabular
from augmill.tasks.modalities._tabular_chain import op_seeds
from augmill.tasks.modalities.modality_contract import ChildSpecs, Op, PoolIndex, Recorded
from augmill.tasks.rows.provenance import LABEL_WEIGHTS, OPS, PARENT_IDS, SAMPLE_ID, WEIGHTS_TYPE

FOLDER = Path(augmill.tasks.transforms.__path__[0]) / "tabular"
NAMES = sorted(file.stem for file in FOLDER.glob("[!_]*.py"))
# What a transform needs that has no default.
EXAMPLES = {"resample": {"sampler": "SMOTE"}}
K_MEANS = {"k_neighbors": 5, "kmeans_estimator": 3, "cluster_balance_threshold": 0.1}
VARIANTS = [(name, EXAMPLES.get(name, {})) for name in NAMES] + [
    ("borderline_smote", {"kind": "borderline-2"}),
    ("feature_dropout", {"fill": "missing", "rate": 0.4}),
    ("svm_smote", {"out_step": 1.0}),
    ("resample", {"sampler": "KMeansSMOTE", "params": K_MEANS}),
    ("resample", {"sampler": "RandomOverSampler", "params": {"shrinkage": 0.5}}),
    ("resample", {"sampler": "SMOTENC", "k_parents": 1}),
]
POLICY = Policy(dataset="laws", modality="tabular", source={"uri": "none"}, label="y", key="key", ignore=("note",))
BIRTHS = 60


def op_of(name: str, probability: float = 1.0, **params: object) -> Op:
    module = importlib.import_module(f"augmill.tasks.transforms.tabular.{name}")
    return Op(f"tabular.{name}", module, module.Params(**params), probability)


def rows_of(mixed: bool, positives: int = 40, negatives: int = 120, holes: bool = False) -> pa.Table:
    """Two overlapping classes in awkward types; `a` to `e` are features, the others must be carried along."""
    draw = np.random.default_rng(7)
    n = positives + negatives
    y = np.repeat([1, 0], [positives, negatives])
    float_holes = (draw.random(n) < 0.2) if holes else None
    features = {
        "a": pa.array(draw.normal(size=n) * 1000.0 + 5e5 + 900.0 * y, mask=float_holes),
        "b": pa.array(draw.integers(-90, 100, n) + 20 * y, pa.int8()),
        "c": pa.array((draw.normal(size=n) * 0.01 + 0.01 * y).astype(np.float32), mask=float_holes),
    }
    if mixed:
        colours = np.array(["red", "green", "blue"])[(draw.integers(0, 3, n) + y) % 3]
        features["d"] = pa.array(colours, mask=float_holes).dictionary_encode()
        features["e"] = pa.array(draw.random(n) < 0.3 + 0.3 * y)
    return pa.table(
        {
            SAMPLE_ID: [f"id-{i:04d}" for i in range(n)],
            "key": pa.array(np.arange(n) + 10**12),
            **features,
            "constant": pa.array(np.full(n, 3.5)),
            "name": [f"row number {i}" for i in range(n)],
            "note": pa.array(draw.normal(size=n)),
            "when": pa.array(np.arange(n), pa.timestamp("s")),
            "y": pa.array(y, pa.int16()),
        }
    ).take(pa.array(draw.permutation(n)))


@dataclass
class World:
    """One chain over one table, as the pipeline would hold it."""

    ops: list[Op]
    rows: pa.Table

    def __post_init__(self) -> None:
        self.rows = self.rows.sort_by(SAMPLE_ID)
        self.description = json.loads(json.dumps(tabular.describe(POLICY, [self.rows])))
        self.labels = [str(value) for value in self.rows["y"].to_pylist()]
        self.pool = PoolIndex(self.rows[SAMPLE_ID].to_pylist(), self.labels, "1")
        self.joint = any(op.module.BEHAVIOUR.joint for op in self.ops)

    def load(self, rows: np.ndarray) -> pa.Table:
        return self.rows.take(pa.array(rows, pa.int64()))

    def births(self, count: int = BIRTHS, seed: int = 0) -> ChildSpecs:
        self.pool = replace(self.pool, count=count, seed=seed)
        self.state = tabular.fit(self.ops, self.description, self.pool, self.load)
        bases = np.flatnonzero(self.state["weights"])
        number = np.arange(count)
        places, copies = bases[number % len(bases)], number // len(bases)
        if self.joint:  # how many children each base has is then not ours to say
            each = self.state["weights"].astype(np.int64)
            places = np.repeat(np.arange(len(each)), each)
            copies = np.arange(len(places)) - np.repeat(np.cumsum(each) - each, each)
        self.born = ChildSpecs(places, copies, number * 7919 + 2**40 + seed)
        return self.born

    def children(self, births: ChildSpecs) -> pa.Table:
        return tabular.children(self.ops, self.description, self.pool, self.state, births, self.load)


def world_of(name: str, params: dict, **rows: object) -> World:
    op = op_of(name, **params)
    return World([op], rows_of(mixed=tabular.accepts_of(op).columns != "numeric", **rows))


@pytest.fixture(params=VARIANTS, ids=lambda variant: "-".join([variant[0], *map(str, variant[1].values())]))
def variant(request) -> tuple[str, dict]:
    return request.param


@pytest.fixture
def world(variant) -> World:
    return world_of(*variant)


def test_the_walk_finds_the_transforms_of_the_issue():
    assert set(NAMES) >= {
        *("smote", "smotenc", "borderline_smote", "adasyn", "svm_smote", "random_oversample"),
        *("gaussian_noise", "feature_dropout", "mixup"),
    }


def test_the_same_seed_gives_the_same_bytes(world):
    births = world.births()
    first = world.children(births)
    assert first.num_rows == BIRTHS
    assert first.equals(world.children(births))
    again = World(world.ops, world.rows.take(pa.array(np.arange(len(world.rows))[::-1])))
    assert again.children(again.births()).equals(first)


def test_another_seed_gives_other_rows(world):
    first, other = world.children(world.births()), world.children(world.births(seed=1))
    same = first.select(["a", "b", "c"]).equals(other.select(["a", "b", "c"]))
    remedy = "draw from `seeds`, or declare Behaviour(copies=True) where children equal their base"
    assert same == world.ops[0].module.BEHAVIOUR.copies, remedy


def test_the_input_is_untouched(world):
    before = pickle.dumps(world.rows)
    world.children(world.births())
    assert pickle.dumps(world.rows) == before


def test_the_state_is_arrays_that_survive_without_pickle(world, tmp_path):
    births = world.births()
    first = world.children(births)
    np.savez(tmp_path / "state.npz", **world.state)
    with np.load(tmp_path / "state.npz", allow_pickle=False) as kept:
        world.state = dict(kept)
    assert world.children(births).equals(first)


def test_types_columns_labels_and_categories_are_kept(world):
    births = world.births()
    made = world.children(births)
    user = [kind for kind in world.rows.schema if kind.name != SAMPLE_ID]
    assert list(made.schema)[: len(user)] == user
    assert made.column_names[len(user) :] == [PARENT_IDS, OPS, LABEL_WEIGHTS]
    assert made.schema.field(LABEL_WEIGHTS).type == WEIGHTS_TYPE
    assert set(made["y"].to_pylist()) == {1}, "children carry the label of their base: leave it to the modality"
    if "d" in made.column_names:
        for name, domain in (("d", {"red", "green", "blue", None}), ("e", {True, False, None})):
            strange = set(made[name].to_pylist()) - domain
            assert not strange, f"column {name} has {strange}: return codes of the domain, or -1, from `apply`"


def test_columns_that_are_no_features_come_from_the_base(world):
    births = world.births()
    made = world.children(births)
    carried = ["key", "constant", "name", "note", "when", "y"]
    assert made.select(carried).equals(world.load(births.bases).select(carried))


def test_something_changes_unless_copies_are_declared(world):
    births = world.births()
    features = [name for name in ("a", "b", "c", "d", "e") if name in world.rows.column_names]
    made = world.children(births).select(features).to_pylist()
    bases = world.load(births.bases).select(features).to_pylist()
    changed = sum(one != other for one, other in zip(made, bases, strict=True))
    remedy = "every child should differ from its base, or none and Behaviour(copies=True) says so"
    assert changed == (0 if world.ops[0].module.BEHAVIOUR.copies else BIRTHS), remedy


def test_parents_are_recorded_and_true(world):
    births = world.births()
    made = world.children(births)
    draws = world.ops[0].module.draw(
        world.ops[0].params,
        tabular.spec_from_json(world.description),
        {key.removeprefix("0/"): array for key, array in world.state.items()}
        | {"size": np.int64(len(world.rows)), "copies": births.copies},
        op_seeds(births.seeds, 0),
        births.bases,
    )
    partners = draws.get("partners", np.empty((BIRTHS, 0), dtype=np.int64))
    for i, ids in enumerate(made[PARENT_IDS].to_pylist()):
        assert ids == [world.pool.ids[row] for row in (births.bases[i], *partners[i])]
        (op,) = json.loads(made[OPS][i].as_py())
        assert op["use"] == world.ops[0].use
        assert op["drawn"].get("partners", []) == list(range(1, len(ids)))
        assert (op["drawn"].get("parents") == "nearest") == world.joint
        if "weight" in draws:
            assert op["drawn"]["weight"] == draws["weight"][i]


def test_no_row_is_its_own_partner(world):
    for ids in world.children(world.births()).column(PARENT_IDS).to_pylist():
        assert ids[0] not in ids[1:]


def test_records_are_canonical_json(world):
    for text in world.children(world.births())[OPS].to_pylist():
        assert json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), allow_nan=False) == text


def test_children_do_not_depend_on_batch_size_or_order(world):
    births = world.births()
    whole = world.children(births)
    order = np.random.default_rng(1).permutation(BIRTHS)
    mixed = world.children(ChildSpecs(births.bases[order], births.copies[order], births.seeds[order]))
    assert mixed.equals(whole.take(pa.array(order)))
    for size in (1, 7):
        parts = [slice(start, start + size) for start in range(0, BIRTHS, size)]
        shards = [world.children(ChildSpecs(births.bases[p], births.copies[p], births.seeds[p])) for p in parts]
        assert pa.concat_tables(shards).combine_chunks().equals(whole.combine_chunks())


def test_a_hundred_more_children_leave_the_first_ones_as_they_are(world):
    few = world.children(world.births())
    many = world.children(world.births(BIRTHS + 100))
    # A sampler that draws all children at once draws others where more are wanted: that is declared, and the price.
    assert many.slice(0, BIRTHS).equals(few) != world.joint


def rebuilt(world: World, children: pa.Table, seeds: np.ndarray) -> pa.Table:
    """The children again, from a table that holds their parents and others, in another order than the pool."""
    if world.joint:
        again = World(world.ops, world.rows.take(pa.array(np.random.default_rng(2).permutation(len(world.rows)))))
        again.births()
        at = np.searchsorted(world.born.seeds, seeds)
        return again.children(ChildSpecs(world.born.bases[at], world.born.copies[at], seeds))
    places = np.random.default_rng(2).permutation(len(world.pool.ids))
    who = PoolIndex([world.pool.ids[place] for place in places], [world.labels[place] for place in places], "1")
    at = {name: row for row, name in enumerate(who.ids)}
    parents = [[at[name] for name in ids] for ids in children[PARENT_IDS].to_pylist()]
    recorded = Recorded(parents, seeds, children[OPS].to_pylist())
    return tabular.rebuild(world.ops, world.description, world.load(places), who, recorded)


def test_children_are_rebuilt_from_their_parents_their_seeds_and_their_rows(world):
    births = world.births()
    made = world.children(births)
    assert rebuilt(world, made, births.seeds).equals(made)
    for i in range(0, BIRTHS, 3):
        assert rebuilt(world, made.slice(i, 1), births.seeds[i : i + 1]).equals(made.slice(i, 1))


def test_no_births_make_no_children_of_the_right_type(world):
    births = world.births()
    none = world.children(ChildSpecs(births.bases[:0], births.copies[:0], births.seeds[:0]))
    assert none.num_rows == 0
    assert none.schema == world.children(births).schema


def test_a_class_without_a_row_gives_the_named_error(variant):
    with pytest.raises(DataError, match="no training row"):
        world_of(*variant, positives=0).births()


@pytest.mark.parametrize("positives", [1, 2, 5])
def test_a_tiny_class_gives_advice_or_children(variant, positives):
    world = world_of(*variant, positives=positives)
    if variant[1].get("sampler") == "RandomOverSampler":  # it has no neighbours, and its children two parents
        if positives == 1:
            with pytest.raises(DataError, match="names the 2 nearest rows of class '1'"):
                world.births()
        else:
            assert world.children(world.births()).num_rows == BIRTHS
    elif world.ops[0].module.BEHAVIOUR.fitted:
        with pytest.raises(DataError, match=r"needs at least 6 rows of class '1'") as caught:
            world.births()
        assert "fitted distribution per class" in caught.value.remedy
        assert caught.value.report["rows"] == positives
    else:
        assert world.children(world.births()).num_rows == BIRTHS


def test_a_pool_of_one_row_gives_advice_or_children(variant):
    world = World([op_of(variant[0], **variant[1])], rows_of(mixed=False))
    world = World(world.ops, world.rows.slice(0, 1))
    world.description = tabular.describe(POLICY, [rows_of(mixed=False)])
    behaviour = world.ops[0].module.BEHAVIOUR
    if behaviour.fitted or behaviour.label == "mix":
        with pytest.raises(DataError) as caught:
            world.children(world.births())
        assert "tabular.random_oversample" in caught.value.remedy
    else:
        assert world.children(world.births()).num_rows == BIRTHS


def test_a_single_class_gives_advice_or_children(variant):
    world = world_of(*variant, negatives=0)
    behaviour = world.ops[0].module.BEHAVIOUR
    if behaviour.fitted and behaviour.pool == "train":
        with pytest.raises(DataError) as caught:
            world.births()
        assert "tabular.smote" in caught.value.remedy
    else:
        assert world.children(world.births()).num_rows == BIRTHS


def test_missing_values_are_kept_or_refused_as_declared(variant):
    world = world_of(*variant, holes=True)
    op = world.ops[0]
    sentences = tabular.refusals(op, world.description)
    if op.module.ACCEPTS.missing == "refused":
        assert any("missing values" in sentence and "a, c" in sentence for sentence in sentences)
        return
    assert sentences == []
    births = world.births()
    made, bases = world.children(births), world.load(births.bases)
    for name in ("a", "c", "d"):
        was, stays = bases[name].is_null().to_pylist(), made[name].is_null().to_pylist()
        assert sum(was) > 5
        assert all(now for then, now in zip(was, stays, strict=True) if then)


def test_columns_are_accepted_or_refused_as_declared(variant):
    op = op_of(variant[0], **variant[1])
    wanted = tabular.accepts_of(op).columns
    for mixed in (True, False):
        description = tabular.describe(POLICY, [rows_of(mixed=mixed)])
        right = wanted == "any" or (wanted == "mixed") == mixed
        assert (tabular.refusals(op, description) == []) == right


def test_a_table_without_features_is_refused_unless_copies_are_made(variant):
    op = op_of(variant[0], **variant[1])
    description = tabular.describe(POLICY, [rows_of(mixed=False).select(["key", "name", "constant", "y"])])
    assert bool(tabular.refusals(op, description)) != op.module.BEHAVIOUR.copies


def test_transforms_of_real_rows_must_come_first(variant):
    op = op_of(variant[0], **variant[1])
    ops = [op_of("gaussian_noise"), op]
    world = World(ops, rows_of(mixed=False))
    if op.module.BEHAVIOUR.first:
        with pytest.raises(PolicyError, match="must be the first"):
            world.births()
    else:
        assert world.children(world.births()).num_rows == BIRTHS


def test_a_chain_behind_it_keeps_the_laws(variant):
    name, params = variant
    ops = [op_of(name, 0.7, **params), op_of("mixup", 0.5, alpha=1.0), op_of("feature_dropout", 0.4)]
    world = World(ops, rows_of(mixed=tabular.accepts_of(ops[0]).columns != "numeric"))
    births = world.births()
    made = world.children(births)
    halves = [
        ChildSpecs(*(getattr(births, field)[part] for field in ("bases", "copies", "seeds")))
        for part in (slice(0, 31), slice(31, BIRTHS))
    ]
    assert pa.concat_tables([world.children(half) for half in halves]).combine_chunks().equals(made.combine_chunks())
    assert rebuilt(world, made, births.seeds).equals(made)
    fired = set()
    for i in range(BIRTHS):
        places = tuple(op["position"] for op in json.loads(made[OPS][i].as_py()))
        assert places == tuple(sorted(set(places)))
        fired.add(places)
        shares = made[LABEL_WEIGHTS][i].as_py()
        assert (shares is not None) == (1 in places or (name == "mixup" and 0 in places))
        if shares is not None:
            assert shares[0]["label"] == "1"
            assert sum(share["weight"] for share in shares) == pytest.approx(1.0, abs=1e-12)
    assert () not in fired
    assert {(0,), (0, 1), (1,), (0, 1, 2)} <= fired
