"""Finding a source's objects: they are listed, assigned to splits and hashed, so that a run records its input."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from augmill.policies.errors import DataError
from augmill.policies.schema import Policy, Split
from augmill.tasks.rows.hashing import hash_of
from augmill.tasks.sources import from_builtin, from_image_folder, s3_objects
from augmill.tasks.sources.formats import format_of, of_format
from augmill.tasks.sources.hash_cache import HashCache
from augmill.tasks.sources.listing import Listed, list_named, list_uri
from augmill.tasks.sources.roots import Roots
from augmill.tasks.sources.source_contract import SourceListing, SourceObject
from augmill.tasks.sources.verified_reader import reading

_HASHERS = 8
Hash = tuple[str, str | None]


def discover(policy: Policy, base: Path, cache: HashCache | None = None, roots: Roots | None = None) -> SourceListing:
    """All objects of the policy's source, sorted by name, each with the hash of its bytes.

    `base` is the folder of the policy file; with `roots`, files outside of them are refused. Raises PolicyError if the
    URI or format is wrong, DataError if there is no data, StorageError if it cannot be read.
    """
    uri_by_split = policy.source.uri
    uris: list[tuple[Split | None, str]] = (
        [(None, uri_by_split)] if isinstance(uri_by_split, str) else list(uri_by_split.items())
    )
    if any(uri.startswith(from_builtin.PREFIX) for _, uri in uris):
        return SourceListing("builtin", from_builtin.objects(policy))
    listings = [list_uri(uri, base, roots) for _, uri in uris]
    kind = format_of(policy, listings)
    all_objects: list[SourceObject] = []
    manifests: set[str] = set()
    ignored: list[str] = []
    for (split, uri), listing in zip(uris, listings, strict=True):
        chosen = of_format(kind, listing, uri)
        objects = hashed(chosen, cache, split)
        if kind == "manifest":
            manifests |= {manifest.name for manifest in objects}
            objects += _pictures(policy, objects, split, cache, roots)
        else:  # the other files beside a manifest are the pictures that it names
            taken = {file.name for file in chosen}
            names = [file.name for file in listing.files if file.name not in taken]
            ignored += [f"{split}/{name}" if split else name for name in names]
        if kind == "image_folder" and split is None:
            objects = from_image_folder.with_splits(objects)
        all_objects += objects
    if not any(source.bytes for source in all_objects):
        raise DataError(
            f"every file of the source is empty ({', '.join(source.name for source in all_objects[:5])})",
            "check whatever writes it, then run again",
        )
    return SourceListing(
        kind, tuple(sorted(all_objects, key=lambda source: source.name)), frozenset(manifests), tuple(ignored)
    )


def hashed(files: Sequence[Listed], cache: HashCache | None, split: Split | None) -> list[SourceObject]:
    """The files as source objects; those in the cache are not read again."""
    cached = {file.uri: cache.get(file.uri, file.stamp) for file in files} if cache else {}
    fresh = [file for file in files if cached.get(file.uri) is None]
    with ThreadPoolExecutor(_HASHERS) as pool:
        digests: dict[str, Hash] = dict(zip([file.uri for file in fresh], pool.map(_digest, fresh), strict=True))
    if cache:
        for file in fresh:
            cache.put(file.uri, file.stamp, *digests[file.uri], mtime_ns=file.mtime_ns)
    return [_object(file, cached.get(file.uri) or digests[file.uri], split) for file in files]


def _object(file: Listed, digest: Hash, split: Split | None) -> SourceObject:
    name = f"{split}/{file.name}" if split else file.name
    return SourceObject(name, file.uri, file.bytes, digest[0], split, file.etag, digest[1])


def _digest(file: Listed) -> Hash:
    if file.etag is not None:
        return s3_objects.digest(file.uri, file.etag, file.name)
    with reading(file.uri, file.name), open(file.uri, "rb", buffering=0) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), None


def _pictures(
    policy: Policy,
    manifests: Sequence[SourceObject],
    split: Split | None,
    cache: HashCache | None,
    roots: Roots | None,
) -> list[SourceObject]:
    """The files that manifests name and that exist."""
    from augmill.tasks.sources import from_manifest

    pictures: dict[str, SourceObject] = {}
    for manifest in manifests:
        folder, _, _ = manifest.uri.rpartition("/")
        below, _, _ = manifest.name.removeprefix(f"{split}/" if split else "").rpartition("/")
        paths = [name for names in from_manifest.candidate_paths(policy, manifest) for name in names]
        listed = list_named(folder, paths, roots)
        renamed = [replace(file, name=f"{below}/{file.name}" if below else file.name) for file in listed]
        pictures |= {picture.name: picture for picture in hashed(renamed, cache, split)}
    return list(pictures.values())


def source_digest(listing: SourceListing) -> str:
    """One hash for all raw objects in any order: part of the key that shows whether anything has changed."""
    return hash_of(sorted([item.name, item.sha256, item.split] for item in listing.objects))
