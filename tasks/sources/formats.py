"""The format of a source: from the policy, or from the names of its files."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import PurePosixPath

from augmill.policies.errors import DataError, PolicyError
from augmill.policies.schema import Policy
from augmill.tasks.sources.listing import Listed, Listing
from augmill.tasks.sources.unsupported_formats import refuse_unsupported

SUFFIXES: dict[str, frozenset[str]] = {
    "csv": frozenset({".csv", ".tsv"}),
    "parquet": frozenset({".parquet", ".pq"}),
    "jsonl": frozenset({".jsonl", ".ndjson"}),
    "image_folder": frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}),
}
# Pictures in formats that are not read: in a folder of pictures they are rows too, and go to quarantine.
_UNREAD_PICTURES = frozenset(
    {".gif", ".heic", ".heif", ".avif", ".jfif", ".jpe", ".jp2", ".jxl", ".svg", ".ico", ".psd", ".tga", ".exr"}
    | {".pbm", ".pnm", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw"}
)
FORMATS = (*SUFFIXES, "manifest", "builtin")
_FILES = {**SUFFIXES, "manifest": SUFFIXES["csv"]}


def format_of(policy: Policy, listings: Sequence[Listing]) -> str:
    """The format of a source. Raises PolicyError if it is not clear from the names of its files."""
    format_name = policy.source.format
    if format_name is not None:
        return _check_format(format_name)
    if policy.columns is not None and _has_files("csv", listings):
        return "manifest"
    present = [name for name in SUFFIXES if _has_files(name, listings)]
    if len(present) == 1:
        return present[0]
    if "image_folder" in present and all(map(_is_labelled_by_folder, listings)):
        return "image_folder"
    if not present:
        refuse_unsupported([file for listing in listings for file in listing.files], format_name)
    names = ", ".join(sorted({_suffix(file) or file.name for listing in listings for file in listing.files})[:8])
    raise PolicyError(
        f"source.uri holds {' and '.join(present) or 'no known kind of'} files ({names}), so its format is unclear",
        f"set source.format to one of {', '.join(FORMATS[:-1])}",
    )


def of_format(name: str, listing: Listing, uri: str) -> tuple[Listed, ...]:
    """The files of a listing that belong to the format: in a folder those with its suffixes, otherwise all.

    In a glob, pictures are also chosen by suffix, so that `photos/**` may hold a README.
    """
    if listing.kind == "file" or (listing.kind == "glob" and name != "image_folder"):
        refuse_unsupported(listing.files, name)
        return listing.files
    pictures = name == "image_folder"
    chosen = tuple(
        file for file in listing.files if _suffix(file) in _FILES[name] or (pictures and _is_unread_picture(file))
    )
    if name == "manifest":
        chosen = tuple(file for file in chosen if "/" not in file.name)
    if not chosen:
        refuse_unsupported(listing.files, name)
        raise DataError(
            f"source.uri {uri} holds no {name} file",
            f"a {name} source takes {', '.join(sorted(_FILES[name]))}; correct source.uri or source.format",
        )
    return chosen


def _check_format(name: str) -> str:
    if name in FORMATS:
        return name
    near = get_close_matches(name, FORMATS, 1)
    raise PolicyError(
        f"source.format {name!r} is not a format" + (f"; did you mean {near[0]!r}?" if near else ""),
        f"set it to one of {', '.join(FORMATS)}, or leave it out",
    )


def _has_files(name: str, listings: Sequence[Listing]) -> bool:
    return any(_suffix(file) in SUFFIXES[name] for listing in listings for file in listing.files)


def _is_labelled_by_folder(listing: Listing) -> bool:
    """Whether all pictures lie in sub-folders, and all other data files (such as lists of them) outside of these."""
    pictures = SUFFIXES["image_folder"]
    data = [file for file in listing.files if any(_suffix(file) in suffixes for suffixes in SUFFIXES.values())]
    return all(("/" in file.name) == (_suffix(file) in pictures) for file in data)


def _is_unread_picture(file: Listed) -> bool:
    """Whether it is an unread picture in a folder, which names its class; outside of folders it may be a logo."""
    return "/" in file.name and _suffix(file) in _UNREAD_PICTURES


def _suffix(file: Listed) -> str:
    return PurePosixPath(file.name).suffix.lower()
