"""How the work of fitting is shared out."""

import json
from types import SimpleNamespace

import pytest

from augmill.policies.schema import Policy
from augmill.tasks.stages import fit as work
from augmill.tasks.stages.fit import fit_steps
from augmill.tasks.stages.fit_verifier import VerifierItem
from augmill.tasks.stages.profile import Profile


class Recording:
    """A runner that keeps what it was asked to do."""

    workers = 4

    def map(self, function, items, **_):
        self.items = list(items)
        return [item.name for item in self.items]


@pytest.mark.parametrize(("classes", "threads"), [(1, 4), (2, 2), (3, 1), (9, 1)])
def test_workers_that_would_have_nothing_to_fit_lend_a_hand(monkeypatch, classes, threads):
    step = {"name": "s", "transforms": [{"use": "tabular.smote"}], "amount": {"copies": 1}}
    document = {"dataset": "d", "modality": "tabular", "source": {"uri": "x"}, "label": "y", "steps": [step]}
    context = SimpleNamespace(policy=Policy.model_validate_json(json.dumps(document)))
    monkeypatch.setattr(work, "refuse_unfit", lambda *_: None)
    monkeypatch.setattr(work, "read_description", lambda *_: {})
    amounts = {"s": {f"class {number}": 5 for number in range(classes)}}
    runner = Recording()
    fit_steps(context, runner, Profile("l", "i", "d", (), dict.fromkeys(amounts["s"], 1)), amounts)
    *steps, verifier = runner.items
    assert [item.threads for item in steps] == [threads] * classes
    assert isinstance(verifier, VerifierItem)
