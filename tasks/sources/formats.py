"""Which format a source is in: as the policy says, or as the names of its files tell."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import PurePosixPath

from augmill.policies.errors import DataError, PolicyError
from augmill.policies.schema import Policy
from augmill.tasks.sources.listing import Listed, Listing
from augmill.tasks.sources.unsupported_formats import refuse_foreign

SUFFIXES: dict[str, frozenset[str]] = {
    "csv": frozenset({".csv", ".tsv"}),
    "parquet": frozenset({".parquet", ".pq"}),
    "jsonl": frozenset({".jsonl", ".ndjson"}),
    "image_folder": frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}),
}
# Pictures in formats that are not read: rows of a folder of pictures all the same, which quarantine tells of.
_UNREAD_PICTURES = frozenset(
    {".gif", ".heic", ".heif", ".avif", ".jfif", ".jpe", ".jp2", ".jxl", ".svg", ".ico", ".psd", ".tga", ".exr"}
    | {".pbm", ".pnm", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".raw"}
)
FORMATS = (*SUFFIXES, "manifest", "builtin")
_FILES = {**SUFFIXES, "manifest": SUFFIXES["csv"]}


def format_of(policy: Policy, listings: Sequence[Listing]) -> str:
    """The format of a source. Raises PolicyError if the names of its files do not settle it."""
    asked = policy.source.format
    if asked is not None:
        return _known(asked)
    if policy.columns is not None and _present("csv", listings):
        return "manifest"
    present = [name for name in SUFFIXES if _present(name, listings)]
    if len(present) == 1:
        return present[0]
    if "image_folder" in present and all(map(_is_labelled_by_folder, listings)):
        return "image_folder"
    if not present:
        refuse_foreign([one for listing in listings for one in listing.files], asked)
    names = ", ".join(sorted({_suffix(one) or one.name for listing in listings for one in listing.files})[:8])
    raise PolicyError(
        f"source.uri holds {' and '.join(present) or 'no known kind of'} files ({names}), so its format is unclear",
        f"set source.format to one of {', '.join(FORMATS[:-1])}",
    )


def of_format(name: str, listing: Listing, uri: str) -> tuple[Listed, ...]:
    """The files of a listing that belong to the format: in a folder those with its suffixes, else all.

    Pictures are chosen by suffix in a glob too, so that `photos/**` may hold a README.
    """
    if listing.kind == "file" or (listing.kind == "glob" and name != "image_folder"):
        refuse_foreign(listing.files, name)
        return listing.files
    pictures = name == "image_folder"
    chosen = tuple(
        one for one in listing.files if _suffix(one) in _FILES[name] or (pictures and _is_unread_picture(one))
    )
    if name == "manifest":
        chosen = tuple(one for one in chosen if "/" not in one.name)
    if not chosen:
        refuse_foreign(listing.files, name)
        raise DataError(
            f"source.uri {uri} holds no {name} file",
            f"a {name} source takes {', '.join(sorted(_FILES[name]))}; correct source.uri or source.format",
        )
    return chosen


def _known(name: str) -> str:
    if name in FORMATS:
        return name
    near = get_close_matches(name, FORMATS, 1)
    raise PolicyError(
        f"source.format {name!r} is not a format" + (f"; did you mean {near[0]!r}?" if near else ""),
        f"set it to one of {', '.join(FORMATS)}, or leave it out",
    )


def _present(name: str, listings: Sequence[Listing]) -> bool:
    return any(_suffix(one) in SUFFIXES[name] for listing in listings for one in listing.files)


def _is_labelled_by_folder(listing: Listing) -> bool:
    """Whether all pictures lie in sub-folders and all other data files beside these folders, as lists of them do."""
    pictures = SUFFIXES["image_folder"]
    data = [one for one in listing.files if any(_suffix(one) in suffixes for suffixes in SUFFIXES.values())]
    return all(("/" in one.name) == (_suffix(one) in pictures) for one in data)


def _is_unread_picture(one: Listed) -> bool:
    """A picture in a folder, which names its class; beside the folders lie logos and icons."""
    return "/" in one.name and _suffix(one) in _UNREAD_PICTURES


def _suffix(one: Listed) -> str:
    return PurePosixPath(one.name).suffix.lower()
