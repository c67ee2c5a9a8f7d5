"""The files that a policy's checks stand on are looked for by name, so the names must be those of files."""

from __future__ import annotations

import pytest

from augmill.expectations.build import shipped_modules
from augmill.tasks.review.imports import ROOT
from augmill.tasks.review.uses import DEFAULT_GATES, DEFAULT_VERIFIER, OF_EVERY_CHILD

NAMED = [
    *(f"tasks/verifiers/{name}.py" for name in (*OF_EVERY_CHILD, DEFAULT_VERIFIER)),
    *(f"tasks/gates/{name}.py" for name in DEFAULT_GATES),
    *(f"expectations/{name}.py" for name in ("checks", *shipped_modules())),
]


@pytest.mark.parametrize("path", NAMED)
def test_every_part_that_policies_use_without_naming_it_is_a_file(path):
    assert (ROOT / path).is_file()
