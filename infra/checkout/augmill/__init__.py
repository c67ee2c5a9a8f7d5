"""Batch augmentation as a DAG: a policy file in, a verified and versioned training set with lineage out.

    import augmill

    rows = augmill.read("wine@stable", split="train")  # published rows, as a data frame
    augmill.resolve("wine@stable").version             # which version that is
    augmill.versions("wine")                           # every version ever published
    augmill.explain("wine@3", sample_id)               # where a row comes from
    augmill.lint("policies/wine.yaml")                 # judge a policy
    augmill.plan("policies/wine.yaml")                 # say what a run would do
    augmill.run("policies/wine.yaml")                  # make, check and publish a version

Errors are `PolicyError` (the policy or the call is wrong), `DataError` (the data did not pass) and `StorageError`
(storage or a service failed), all of them `AugmillError` with a `cause` and a `remedy`.
"""

from __future__ import annotations

import os.path

# The four packages lie beside this file where augmill is installed. In a checkout they lie at the repository's root:
# the links beside this file lead type checkers and editors there, and this line leads Python, without the links.
__path__ = [os.path.dirname(os.path.realpath(os.path.join(os.path.dirname(__file__), "flows")))]

__all__ = [
    "AugmillError",
    "DataError",
    "Finding",
    "PolicyError",
    "Resolved",
    "StorageError",
    "VersionInfo",
    "__version__",
    "explain",
    "lint",
    "plan",
    "read",
    "resolve",
    "run",
    "versions",
]

# `typing` itself would cost more than all else here; type checkers know the name.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from augmill.flows.api.policies import lint, plan, run
    from augmill.flows.api.read import read
    from augmill.flows.api.versions import Resolved, VersionInfo, explain, resolve, versions
    from augmill.policies.errors import AugmillError, DataError, Finding, PolicyError, StorageError

    __version__: str
else:
    _MODULES = {
        **dict.fromkeys(("lint", "plan", "run"), "augmill.flows.api.policies"),
        "read": "augmill.flows.api.read",
        **dict.fromkeys(("Resolved", "VersionInfo", "explain", "resolve", "versions"), "augmill.flows.api.versions"),
        **dict.fromkeys(
            ("AugmillError", "DataError", "Finding", "PolicyError", "StorageError"), "augmill.policies.errors"
        ),
    }

    def __getattr__(name: str) -> object:
        """Import what is asked for when it is first used: `import augmill` waits for no library."""
        if name == "__version__":
            from importlib.metadata import version

            value: object = version("augmill")
        elif name in _MODULES:
            from importlib import import_module

            value = getattr(import_module(_MODULES[name]), name)
        else:
            raise AttributeError(f"module 'augmill' has no attribute {name!r}")
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        """The public names, whether they were used already or not."""
        return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
