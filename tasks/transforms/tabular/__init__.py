"""Transforms of table rows; one file each, named as in a policy. Files that begin with `_` are shared code."""
