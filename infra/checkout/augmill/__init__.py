"""Batch augmentation as a DAG: a policy file in, a verified and versioned training set with lineage out."""

from pathlib import Path

# The four packages lie beside this file where augmill is installed. In a checkout they lie at the repository's root:
# the links beside this file lead type checkers and editors there, and this line leads Python, without the links.
__path__ = [str((Path(__file__).parent / "flows").resolve().parent)]
