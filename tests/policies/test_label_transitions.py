"""What becomes of a label in a chain."""

import pytest

from augmill.policies.label_transitions import fates, remaps
from augmill.policies.schema import TransformUse


def use(labels, probability=1.0):
    return TransformUse.model_validate({"use": "image.any", "labels": labels, "probability": probability})


SWAP = {"left": {"remap": "right"}, "right": {"remap": "left"}}


@pytest.mark.parametrize(
    ("chain", "wanted"),
    [
        ([use({})], {"left": 1.0}),
        ([use(SWAP)], {"right": 1.0}),
        ([use(SWAP), use(SWAP)], {"left": 1.0}),
        ([use({"left": "forbid"})], {}),
        ([use({"right": "forbid"})], {"left": 1.0}),
        # A lone transform is applied to every child, whatever its probability.
        ([use(SWAP, 0.25)], {"right": 1.0}),
        ([use({}), use(SWAP, 0.25)], {"left": 0.75, "right": 0.25}),
        # Given that one of the two is applied: half alone, of three equally likely pairs.
        ([use({}, 0.5), use(SWAP, 0.5)], {"left": 1 / 3, "right": 2 / 3}),
        # What a label may have become by then is barred as well, and so is what it was.
        ([use(SWAP, 0.5), use({"right": "forbid"})], {}),
        ([use(SWAP), use({"left": "forbid"})], {}),
    ],
)
def test_the_labels_of_children_and_their_chances(chain, wanted):
    assert fates(chain, "left") == pytest.approx(wanted)


def test_a_chain_remaps_if_one_of_its_transforms_does():
    assert remaps([use({"a": "keep", "b": "forbid"}), use(SWAP)])
    assert not remaps([use({"a": "keep", "b": "forbid"})])


def test_labels_are_written_as_they_are_in_the_file_and_compared_as_text():
    written = use({"6": {"remap": 9}, "9": {"remap": "6"}, "yes": {"remap": True}})
    assert written == TransformUse.model_validate_json(written.model_dump_json())
    assert fates([written], "6") == {"9": 1.0}
    assert fates([written], "yes") == {"true": 1.0}
