"""Laws for every modality that the catalogue finds: it is what `Modality` says, and says what it is."""

from __future__ import annotations

import inspect

import pytest

from augmill.tasks.modalities.modality_contract import Modality
from augmill.tasks.transforms.catalogue import Catalogue

CATALOGUE = Catalogue()
FUNCTIONS = {name: part for name, part in vars(Modality).items() if inspect.isfunction(part) and name[0] != "_"}
# Not every modality has them; the contract says in its docstring what they take.
OPTIONAL = {"lint_figures": ["description", "rows"], "warm": ["ops"]}


@pytest.fixture(params=CATALOGUE.modalities())
def modality(request):
    return CATALOGUE.modality(request.param).module


def parameters_of(function) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


def test_the_contract_has_functions_and_says_what_each_is_for():
    assert len(FUNCTIONS) > 10
    assert [name for name, function in FUNCTIONS.items() if not function.__doc__] == []
    assert [name for name, taken in OPTIONAL.items() if f"{name}({', '.join(taken)})" not in Modality.__doc__] == []


def test_every_function_of_the_contract_takes_the_parameters_of_the_contract(modality):
    wanted = {name: parameters_of(function) for name, function in FUNCTIONS.items()}
    wanted |= {name: taken for name, taken in OPTIONAL.items() if hasattr(modality, name)}
    offered = {name: parameters_of(getattr(modality, name)) for name in wanted}
    wrong = [f"{name}({', '.join(wanted[name])})" for name in wanted if offered[name] != wanted[name]]
    assert wrong == [], f"{modality.__file__} should define, with parameters of these names: {'; '.join(wrong)}"


def test_the_constants_of_the_contract_are_of_its_types(modality):
    assert type(modality.SHARD_ROWS) is int
    assert modality.SHARD_ROWS > 0
    assert type(modality.POOLED) is bool


def test_its_docstring_says_what_it_is(modality):
    summary = (modality.__doc__ or "").partition("\n")[0]
    assert summary.endswith("."), f"{modality.__file__} should open with one sentence that says what its rows are"
    functions = [name for name in {*FUNCTIONS, *OPTIONAL} if hasattr(modality, name)]
    assert [name for name in functions if not getattr(modality, name).__doc__] == []
