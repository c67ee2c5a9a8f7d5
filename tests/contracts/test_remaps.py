"""Laws over every transform that keeps labels: its children can be remapped, and are rebuilt so."""

import importlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import augmill.tasks.transforms
from augmill.policies.schema import TransformUse
from augmill.tasks.rows import provenance as at
from augmill.tasks.rows.label_remap import NOTE, relabel
from augmill.tasks.transforms.transform_contract import Behaviour
from augmill.tasks.verifiers.label_rules import LabelRules
from augmill.tasks.verifiers.parentage import RealIndex, structure
from tests.contracts import test_image_transforms as pictures
from tests.contracts import test_table_transforms as tables

FOLDER = Path(augmill.tasks.transforms.__file__).parent
USES = sorted(f"{file.parent.name}.{file.stem}" for file in FOLDER.glob("*/[!_]*.py"))
CAT_TO_DOG = {"cat": {"remap": "dog"}, "1": {"remap": "0"}}
SECOND = {"image": "horizontal_flip", "tabular": "gaussian_noise"}


def behaviour_of(use) -> Behaviour:
    return importlib.import_module(f"augmill.tasks.transforms.{use}").BEHAVIOUR


def born(use, second=None):
    """Children of one class by a chain, twice: as they are made, and as they are rebuilt; and all rows."""
    kind, name = use.split(".")
    if kind == "image":
        names = [one for one in (name, second) if one]
        rows = pictures.rows_for(min(names, key=pictures.takes_targets))
        ops = [pictures.op_of(one) for one in names]
        made = pictures.make(ops, rows, pictures.births([0, 2, 0, 2], [11, 12, 13, 14]))
        label, modality, description = "label", pictures.modality, pictures.described(rows)
        seeds = np.array([11, 12, 13, 14])
    else:
        ops = [tables.op_of(one, **tables.EXAMPLES.get(one, {})) for one in (name, second) if one]
        world = tables.World(ops, tables.rows_of(mixed=tables.tabular.accepts_of(ops[0]).columns != "numeric"))
        births = world.births(12)
        made, rows, seeds = world.children(births), world.rows, births.seeds
        label, modality, description = "y", tables.tabular, world.description
    ids, labels = rows[at.SAMPLE_ID].to_pylist(), [str(value) for value in rows[label].to_pylist()]
    recorded = pictures.Recorded(
        [[ids.index(name) for name in names] for names in made[at.PARENT_IDS].to_pylist()],
        seeds,
        made[at.OPS].to_pylist(),
    )
    who = pictures.PoolIndex(ids, labels, "cat" if label == "label" else "1")
    if any(op.module.BEHAVIOUR.joint for op in ops):  # rebuilt by fitting again: test_resample.py
        return made, made, label, dict(zip(ids, labels, strict=True))
    again = modality.rebuild(ops, description, rows, who, recorded)
    return made, again, label, dict(zip(ids, labels, strict=True))


def judged(children, label, labels, chain, behaviour, mixing):
    index = RealIndex(pa.array(labels), pa.array(["train"] * len(labels)), pa.array(list(labels.values())))
    children = children.append_column(at.STEP, pa.array(["s"] * children.num_rows))
    found = structure(children, index, {"s": behaviour}, label, {"s": LabelRules(chain, mixing)})
    return set(found["label_as_promised"].to_pylist())


@pytest.mark.parametrize("use", [use for use in USES if behaviour_of(use).label == "preserve"])
def test_children_of_every_transform_take_the_label_they_are_remapped_to(use):
    made, again, label, labels = born(use)
    chain = [TransformUse(use=use, labels=CAT_TO_DOG)]
    children = relabel(made, chain, None, label, labels)
    wanted = {"label": "dog", "y": 0}[label]
    assert set(children[label].to_pylist()) == {wanted}
    assert children.schema.equals(made.schema)
    (note,) = {json.dumps(json.loads(text)[0][NOTE]) for text in children[at.OPS].to_pylist()}
    assert json.loads(note) in ({"cat": "dog"}, {"1": "0"})
    assert relabel(again, chain, None, label, labels).equals(children)
    assert judged(children, label, labels, chain, behaviour_of(use), None) == {True}
    assert judged(made, label, labels, chain, behaviour_of(use), None) == {False}
    assert judged(made, label, labels, [TransformUse(use=use)], behaviour_of(use), None) == {True}
    forbidden = [TransformUse(use=use, labels={"cat": "forbid", "1": "forbid"})]
    assert judged(made, label, labels, forbidden, behaviour_of(use), None) == {False}


@pytest.mark.parametrize("use", [use for use in USES if behaviour_of(use).label == "mix"])
@pytest.mark.parametrize("first", [False, True], ids=["remapped after", "remapped before"])
def test_mixtures_of_every_mixing_transform_are_remapped_share_by_share(use, first):
    kind, name = use.split(".")
    names = [SECOND[kind], name] if first else [name, SECOND[kind]]
    made, again, label, labels = born(f"{kind}.{names[0]}", names[1])
    chain = [TransformUse(use=f"{kind}.{one}", labels=CAT_TO_DOG if one != name else {}) for one in names]
    children = relabel(made, chain, names.index(name), label, labels)
    weights = [{one["label"]: one["weight"] for one in shares} for shares in children[at.LABEL_WEIGHTS].to_pylist()]
    assert all(sum(shares.values()) == pytest.approx(1.0) for shares in weights)
    partners = {labels[parents[1]] for parents in children[at.PARENT_IDS].to_pylist()}
    new, old = ("dog", "cat") if label == "label" else ("0", "1")
    # Before the mixing only the base was changed; after it, its partner as well.
    assert {name for shares in weights for name in shares} == {new, *(partners if first else {new})}
    assert (old in {name for shares in weights for name in shares}) == (first and old in partners)
    assert relabel(again, chain, names.index(name), label, labels).equals(children)
    assert judged(children, label, labels, chain, behaviour_of(use), names.index(name)) == {True}


def test_untouched_children_of_a_chain_that_remaps_nothing():
    made, _, label, labels = born("image.rotate")
    assert relabel(made, [TransformUse(use="image.rotate", labels={"cat": "forbid"})], None, label, labels) is made
