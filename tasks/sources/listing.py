"""The files of a source URI, which is a file, a glob or a folder, locally or in a bucket; no file is opened here."""

from __future__ import annotations

import glob
import os
import re
import stat as modes
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from augmill.policies.errors import DataError, PolicyError
from augmill.tasks.sources import s3_objects
from augmill.tasks.sources.roots import Roots, refuse_climbing
from augmill.tasks.sources.verified_reader import unreadable
from augmill.tasks.storage.error_mapping import redact

_WILD = re.compile(r"[*?\[]")
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini"})


@dataclass(frozen=True)
class Listed:
    """A file or object that is not read yet. `stamp` changes with its content; `mtime_ns` is 0 on S3."""

    name: str
    uri: str
    bytes: int
    stamp: str
    etag: str | None = None
    mtime_ns: int = 0


@dataclass(frozen=True)
class Listing:
    """All files of a URI, sorted by name. `kind` is `file`, `folder` or `glob`."""

    kind: str
    files: tuple[Listed, ...]


def list_uri(uri: str, base: Path, roots: Roots | None = None) -> Listing:
    """List a local path, glob or folder relative to `base`, or `s3://bucket/...`; hidden and system files left out.

    Raises PolicyError if the URI is wrong or lies outside `roots`, DataError if it matches no file, StorageError if it
    cannot be listed.
    """
    scheme, separator, _ = uri.partition("://")
    if separator and scheme != "s3":
        raise PolicyError(
            f"source.uri {redact(uri)} begins with {scheme}://, which is not supported",
            "give a local path, a glob, a folder, s3://BUCKET/PREFIX or builtin:NAME",
        )
    listing = _in_bucket(uri, roots) if separator else _local(uri, base, roots)
    if not listing.files:
        raise DataError(f"source.uri {redact(uri)} matches no file", "check the path; hidden files do not count")
    return listing


def _local(uri: str, base: Path, roots: Roots | None) -> Listing:
    path = Path(os.path.normpath(base / uri))
    fixed = Path(*path.parts[: _fixed_depth(path.parts)])
    try:
        if roots:
            roots.admit(uri, [path if path.exists() else fixed])
        if path.is_file():
            return Listing("file", (_file(path, path.parent),))
        if path.is_dir():
            return Listing("folder", _files(_admitted(uri, _walk(path), roots), path))
    except OSError as error:
        raise unreadable(str(path), error) from error
    if path.exists():
        raise PolicyError(f"source.uri {uri} is neither a file nor a folder", "name a regular file or a folder")
    if not _WILD.search(uri):
        raise PolicyError(
            f"source.uri {uri} does not exist (looked for {path})",
            "correct the path, which is relative to the policy file, or put the data there",
        )
    matches = (Path(match) for match in glob.iglob(str(path), recursive=True))
    return Listing("glob", _files(_admitted(uri, (match for match in matches if match.is_file()), roots), fixed))


def _admitted(uri: str, paths: Iterable[Path], roots: Roots | None) -> Iterable[Path]:
    if roots is None:
        return paths
    listed = list(paths)
    roots.admit(uri, listed)
    return listed


def _in_bucket(uri: str, roots: Roots | None) -> Listing:
    refuse_climbing(uri)
    if roots:
        roots.admit_bucket(uri)
    bucket, key = s3_objects.split_uri(uri)
    exact = s3_objects.entry(uri)
    if exact is not None:
        return Listing("file", _objects(bucket, [exact], key.rpartition("/")[0]))
    parts = tuple(key.split("/"))
    fixed = _fixed_depth(parts)
    root = "/".join(parts[:fixed]).rstrip("/")
    entries = s3_objects.entries(f"s3://{bucket}/{root}/" if root else f"s3://{bucket}/")
    if fixed == len(parts):
        return Listing("folder", _objects(bucket, entries, root))
    pattern = _pattern(key)
    return Listing("glob", _objects(bucket, [entry for entry in entries if pattern.fullmatch(entry.key)], root))


def list_named(folder: str, names: Iterable[str], roots: Roots | None = None) -> tuple[Listed, ...]:
    """The existing files among `names` below a folder, or below a prefix of a bucket."""
    paths = sorted(set(names))
    if folder.startswith("s3://"):
        bucket, prefix = s3_objects.split_uri(folder)
        start = f"{prefix}/" if prefix else ""
        entries = {entry.key.removeprefix(start): entry for entry in s3_objects.entries(f"s3://{bucket}/{start}")}
        return _objects(bucket, [entries[name] for name in paths if name in entries], prefix)
    root = Path(folder)
    files = (root / name for name in paths if (root / name).is_file())
    return _files(_admitted(folder, files, roots), root)


def visible(name: str) -> bool:
    """Whether a name is data: no part of it begins with `.` or `_`, and it is not a file of the operating system."""
    parts = PurePosixPath(name).parts
    return not any(part.startswith((".", "_")) for part in parts) and parts[-1].lower() not in _SYSTEM_FILES


def _fixed_depth(parts: tuple[str, ...]) -> int:
    return next((index for index, part in enumerate(parts) if _WILD.search(part)), len(parts))


def _walk(root: Path) -> Iterator[Path]:
    def fail(error: OSError) -> None:
        raise error

    for folder, _, names in os.walk(root, onerror=fail):
        if folder == str(root) and "_delta_log" in os.listdir(root):
            raise PolicyError(
                f"source.uri {root} is a Delta table, whose folder also holds files of other versions",
                "export the version you want to plain Parquet and name that folder",
            )
        yield from (Path(folder, name) for name in names)


def _files(paths: Iterable[Path], root: Path) -> tuple[Listed, ...]:
    try:
        visible_paths = [path for path in paths if visible(path.relative_to(root).as_posix())]
        return tuple(sorted((_file(path, root) for path in visible_paths), key=lambda file: file.name))
    except OSError as error:
        raise unreadable(str(error.filename or root), error) from error


def _file(path: Path, root: Path) -> Listed:
    name = path.relative_to(root).as_posix()
    if not name.isascii() and name != name.encode(errors="ignore").decode():
        raise DataError(f"the file name {name!r} is not UTF-8", "rename the file")
    stat = path.stat()
    if not modes.S_ISREG(stat.st_mode):
        raise DataError(f"{path} is not a regular file", "remove it from the source, or name files by a glob")
    stamp = f"{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ino}"
    return Listed(name, str(path), stat.st_size, stamp, mtime_ns=stat.st_mtime_ns)


def _objects(bucket: str, entries: Iterable[s3_objects.Entry], root: str) -> tuple[Listed, ...]:
    start = len(root) + 1 if root else 0
    by_name = [(entry.key[start:], entry) for entry in entries]
    return tuple(
        Listed(name, f"s3://{bucket}/{entry.key}", entry.bytes, f"{entry.bytes}:{entry.etag}", entry.etag)
        for name, entry in sorted(by_name, key=lambda pair: pair[0])
        if visible(name)
    )


def _pattern(key: str) -> re.Pattern[str]:
    """The glob as a regular expression: `*` and `?` match within one folder, `**` any number of folders."""
    parts = []
    for part in key.split("/"):
        if part == "**":
            parts.append("(?:[^/]+/)*")
            continue
        text = re.sub(r"\\\[(.+?)\\\]", r"[\1]", re.escape(part))
        parts.append(text.replace(r"\*", "[^/]*").replace(r"\?", "[^/]") + "/")
    return re.compile("".join(parts).removesuffix("/"))
