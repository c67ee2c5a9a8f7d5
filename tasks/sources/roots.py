"""The folders and buckets that policies may read, set by those who run other people's policies.

A path is checked after resolving `..` and symbolic links, and before any message says whether it exists. A prefix of
a bucket ends at a slash: `s3://b/raw` does not allow `s3://b/raw-private`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from augmill.policies.errors import PolicyError
from augmill.tasks.sanitize.redact import redact

SETTING = "AUGMILL_DATA_ROOTS"
# A colon separates, but not the one of s3://.
_SEPARATOR = re.compile(rf"{re.escape(os.pathsep)}(?!//)")


@dataclass(frozen=True)
class Roots:
    """`folders` with all symbolic links resolved, and `prefixes` of buckets, each ending in a slash."""

    folders: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> Roots:
        """The roots of the setting. Raises ValueError, saying what is allowed, if one of them is invalid."""
        entries = [part.strip() for part in _SEPARATOR.split(text) if part.strip()]
        buckets = [part for part in entries if "://" in part]
        folders = [Path(part).expanduser() for part in entries if "://" not in part]
        invalid = [part for part in buckets if not re.fullmatch(r"s3://[^/@?#]+(/.*)?", part) or _climbs(part)]
        invalid += [str(folder) for folder in folders if not folder.is_dir()]
        if invalid or not entries:
            raise ValueError("folders that exist and s3://BUCKET/PREFIX, separated by colons")
        return cls(tuple(map(os.path.realpath, folders)), tuple(part.rstrip("/") + "/" for part in buckets))

    def admit(self, uri: str, paths: Iterable[Path]) -> None:
        """Raise PolicyError if a path of `uri` leads outside of the roots; each folder is resolved once."""
        real_folders: dict[Path, str] = {}
        for path in paths:
            if path.parent not in real_folders:
                real_folders[path.parent] = os.path.realpath(path.parent)
            real = os.path.join(real_folders[path.parent], path.name)
            self._admit(uri, os.path.realpath(real) if path.is_symlink() else real)

    def admit_bucket(self, uri: str) -> None:
        """Raise PolicyError if an `s3://` URI is outside of the prefixes."""
        if not f"{uri}/".startswith(self.prefixes):
            raise self._refusal(uri, "")

    def _admit(self, uri: str, real: str) -> None:
        if not any(real == root or real.startswith(f"{root.rstrip('/')}/") for root in self.folders):
            raise self._refusal(uri, f" (it leads to {real})")

    def _refusal(self, uri: str, leads: str) -> PolicyError:
        allowed = ", ".join([*self.folders, *self.prefixes])
        return PolicyError(
            f"source.uri {redact(uri)} lies outside of what policies may read here{leads}; {SETTING} allows {allowed}",
            f"name data below one of them, or have whoever runs this add its folder to {SETTING}",
        )


def refuse_climbing(uri: str) -> None:
    """Raise PolicyError for `.` and `..` in an S3 URI: keys have no folders, but clients may resolve them."""
    if _climbs(uri):
        raise PolicyError(
            f"source.uri {redact(uri)} holds `.` or `..` between its slashes", "write out the whole key or prefix"
        )


def _climbs(uri: str) -> bool:
    return any(part in (".", "..") for part in uri.removeprefix("s3://").split("/"))
