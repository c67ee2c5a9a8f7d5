"""Magnitudes are read from `Params`, for every transform there is and for one that nobody registered."""

from __future__ import annotations

import json
from typing import Annotated

import pytest
from pydantic import Field

from augmill.tasks.transforms.catalogue import Catalogue
from augmill.tasks.transforms.image._params import FloatRange, IntRange, Within
from augmill.tasks.transforms.magnitudes import MOST, magnitudes, most, pinned
from augmill.tasks.transforms.transform_contract import Nothing, Parameters

CATALOGUE = Catalogue()
# Those by which a library's own transforms are named have no parameters of their own to grow.
NAMES = [name for name in CATALOGUE.names() if name not in ("image.compose", "tabular.resample")]
# Flips, turns by quarters and mixtures are on or off; those that interpolate are probed by their weight.
WITHOUT = {
    *("image.horizontal_flip", "image.vertical_flip", "image.transpose", "image.random_rotate90"),
    *("image.random_grayscale", "image.cutmix", "image.mixup", "tabular.mixup", "tabular.random_oversample"),
    *("tabular.smote", "tabular.smotenc", "tabular.borderline_smote", "tabular.svm_smote", "tabular.adasyn"),
}


@pytest.mark.parametrize("name", NAMES)
def test_every_transform_grows_within_its_bounds_or_is_known_to_have_no_magnitude(name):
    entry = CATALOGUE.find(name)
    params = entry.params_model()
    found = magnitudes(params)
    remedy = "mark a number that says how strong it is, Annotated[float, Nothing(0.0)], or list it in WITHOUT"
    assert bool(found) == (name not in WITHOUT), f"{name}: {remedy}"
    for one in found:
        own = getattr(params, one.name)
        assert one.range_at(1.0) == pytest.approx(list(own) if one.pair else own)
        assert one.nothing <= one.bounds[1]
        near, far = one.range_at(0.25), one.range_at(most(found))
        for low, high in ((near, far),) if one.pair else (([near], [far]),):
            assert all(abs(a - one.nothing) <= abs(b - one.nothing) for a, b in zip(low, high, strict=True))
    for factor in (0.25, 1.0, most(found)) if found else ():
        for grown in pinned(params, found, factor):
            assert grown is not None, (name, factor)
            entry.parameters(json.loads(grown.model_dump_json()))


class New(Parameters):
    """What a plug-in may hold: nothing is registered anywhere."""

    turn_range: Annotated[FloatRange, Within(-90, 90)] = (-10.0, 30.0)
    gain_range: Annotated[FloatRange, Within(0, 4), Nothing(1.0)] = (0.5, 0.8)
    count_range: Annotated[IntRange, Within(1, 9)] = (2, 3)
    aim_range: Annotated[FloatRange, Within(0, 360), Nothing(None)] = (0.0, 360.0)
    free_range: tuple[float, float] = Field(default=(0.0, 2.0), strict=False)
    rate: Annotated[float, Nothing(0.0)] = Field(default=0.1, ge=0.0, lt=1.0)
    seeds: int = 3


def test_pairs_are_magnitudes_by_their_name_and_numbers_by_their_mark():
    found = {one.name: one for one in magnitudes(New())}
    assert list(found) == ["turn_range", "gain_range", "count_range", "free_range", "rate"]
    assert found["turn_range"].ends == (-10.0, 30.0)
    assert found["turn_range"].range_at(2.0) == [-20.0, 60.0]
    assert found["turn_range"].range_at(5.0) == [-50.0, 90.0]
    # Only the end that is farther from nothing says how strong it is.
    assert found["gain_range"].ends == (0.5,)
    assert found["gain_range"].range_at(2.0) == pytest.approx([0.0, 0.6])
    assert found["count_range"].nothing == 1
    assert found["count_range"].range_at(2.0) == [3, 5]
    assert found["rate"].grown(0.1, 100.0) == pytest.approx(0.999)


def test_growth_ends_where_the_last_bound_is_reached_or_where_there_is_none():
    assert most(magnitudes(New())[:3]) == pytest.approx(9.0)
    assert most(magnitudes(New(turn_range=(-0.1, 0.1)))[:3]) == MOST
    assert most(magnitudes(New())) == MOST
    assert most([]) == 1.0


def test_every_combination_of_ends_is_tried_once():
    pins = [grown.model_dump() for grown in pinned(New(), magnitudes(New()), 0.5)]
    assert [(pin["turn_range"], pin["gain_range"], pin["count_range"]) for pin in pins] == [
        ((-5.0, -5.0), (0.75, 0.75), (2, 2)),
        ((15.0, 15.0), (0.75, 0.75), (2, 2)),
    ]
    assert all(pin["aim_range"] == (0.0, 360.0) and pin["seeds"] == 3 for pin in pins)


class Picky(New):
    """Refuses what its type alone would take."""

    count_range: Annotated[IntRange, Within(2, 3)] = (2, 3)
    free_range: tuple[Annotated[float, Field(le=2.0)], Annotated[float, Field(le=2.0)]] = Field(
        (0.0, 2.0), strict=False
    )


def test_values_that_a_transform_refuses_are_none():
    assert None in list(pinned(Picky(), magnitudes(Picky()), 2.0))


def test_a_part_that_the_policy_switched_off_grows_from_its_default():
    (turn, *_) = magnitudes(New(turn_range=(0.0, 0.0)))
    assert (turn.name, turn.ends) == ("turn_range", (-10.0, 30.0))
