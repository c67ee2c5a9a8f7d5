"""Finding a source's objects: listed, told apart by split, and hashed, so that a run knows what it was made from."""

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

    `base` is the folder of the policy file; with `roots`, what lies outside of them is refused. Raises PolicyError
    if the URI or format cannot be right, DataError if
    there is no data, StorageError if it cannot be read.
    """
    asked = policy.source.uri
    uris: list[tuple[Split | None, str]] = [(None, asked)] if isinstance(asked, str) else list(asked.items())
    if any(uri.startswith(from_builtin.PREFIX) for _, uri in uris):
        return SourceListing("builtin", from_builtin.objects(policy))
    listings = [list_uri(uri, base, roots) for _, uri in uris]
    kind = format_of(policy, listings)
    found: list[SourceObject] = []
    manifests: set[str] = set()
    ignored: list[str] = []
    for (split, uri), listing in zip(uris, listings, strict=True):
        chosen = of_format(kind, listing, uri)
        objects = hashed(chosen, cache, split)
        if kind == "manifest":
            manifests |= {one.name for one in objects}
            objects += _pictures(policy, objects, split, cache, roots)
        else:  # beside a manifest lie the pictures that it names
            taken = {one.name for one in chosen}
            ignored += [f"{split}/{one.name}" if split else one.name for one in listing.files if one.name not in taken]
        if kind == "image_folder" and split is None:
            objects = from_image_folder.placed(objects)
        found += objects
    if not any(one.bytes for one in found):
        raise DataError(
            f"every file of the source is empty ({', '.join(one.name for one in found[:5])})",
            "check whatever writes it, then run again",
        )
    return SourceListing(kind, tuple(sorted(found, key=lambda one: one.name)), frozenset(manifests), tuple(ignored))


def hashed(files: Sequence[Listed], cache: HashCache | None, split: Split | None) -> list[SourceObject]:
    """The files as source objects; those the cache knows are not read again."""
    known = {one.uri: cache.get(one.uri, one.stamp) for one in files} if cache else {}
    fresh = [one for one in files if known.get(one.uri) is None]
    with ThreadPoolExecutor(_HASHERS) as pool:
        digests: dict[str, Hash] = dict(zip([one.uri for one in fresh], pool.map(_digest, fresh), strict=True))
    if cache:
        for one in fresh:
            cache.put(one.uri, one.stamp, *digests[one.uri], mtime_ns=one.mtime_ns)
    return [_object(one, known.get(one.uri) or digests[one.uri], split) for one in files]


def _object(one: Listed, digest: Hash, split: Split | None) -> SourceObject:
    name = f"{split}/{one.name}" if split else one.name
    return SourceObject(name, one.uri, one.bytes, digest[0], split, one.etag, digest[1])


def _digest(one: Listed) -> Hash:
    if one.etag is not None:
        return s3_objects.digest(one.uri, one.etag, one.name)
    with reading(one.uri, one.name), open(one.uri, "rb", buffering=0) as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), None


def _pictures(
    policy: Policy,
    manifests: Sequence[SourceObject],
    split: Split | None,
    cache: HashCache | None,
    roots: Roots | None,
) -> list[SourceObject]:
    """The files that manifests name and that exist."""
    from augmill.tasks.sources import from_manifest

    found: dict[str, SourceObject] = {}
    for manifest in manifests:
        folder, _, _ = manifest.uri.rpartition("/")
        below, _, _ = manifest.name.removeprefix(f"{split}/" if split else "").rpartition("/")
        named = [name for names in from_manifest.places(policy, manifest) for name in names]
        listed = list_named(folder, named, roots)
        renamed = [replace(one, name=f"{below}/{one.name}" if below else one.name) for one in listed]
        found |= {one.name: one for one in hashed(renamed, cache, split)}
    return list(found.values())


def source_digest(found: SourceListing) -> str:
    """One hash for all raw objects, whatever their order: part of the key that says nothing has changed."""
    return hash_of(sorted([item.name, item.sha256, item.split] for item in found.objects))
