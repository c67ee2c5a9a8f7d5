"""Data files in formats that are not read: what they are, and the command that converts them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from augmill.policies.errors import PolicyError
from augmill.tasks.sources.listing import Listed

_PACKED = {".gz": "gunzip", ".bz2": "bunzip2", ".xz": "unxz", ".zst": "unzstd"}
_ARCHIVES = {".zip": "unzip", ".tar": "tar -xf", ".tgz": "tar -xf", ".7z": "7z x"}
_TABLES = {
    **dict.fromkeys((".xlsx", ".xls", ".xlsb", ".ods"), ("a spreadsheet", "read_excel")),
    **dict.fromkeys((".feather", ".arrow"), ("an Arrow file", "read_feather")),
    ".orc": ("an ORC file", "read_orc"),
    ".dta": ("a Stata file", "read_stata"),
    ".xml": ("an XML document", "read_xml"),
}
_PACKED_TABLES = {
    ".csv": "read_csv({!r})",
    ".tsv": "read_csv({!r}, sep='\\t')",
    ".jsonl": "read_json({!r}, lines=True)",
    ".ndjson": "read_json({!r}, lines=True)",
}


def refuse_unsupported(files: Sequence[Listed], format_name: str | None) -> None:
    """Raise PolicyError for the first file that has to be converted or unpacked, with the command that does it.

    `format_name` is the policy's format: JSON lines in a file called `.json` are read if it is `jsonl`.
    """
    for file in files:
        conversion = _conversion(PurePosixPath(file.name), format_name)
        if conversion:
            what, remedy = conversion
            raise PolicyError(f"{file.name} is {what}, which is not read as it is", remedy)


def _conversion(path: PurePosixPath, format_name: str | None) -> tuple[str, str] | None:
    name, suffix = path.name, path.suffix.lower()
    inner = PurePosixPath(path.stem)
    if suffix == ".json" and format_name != "jsonl":
        call = f"pandas.read_json({name!r}).to_json({path.stem + '.jsonl'!r}, orient='records', lines=True)"
        lines = "If each of its lines is an object by itself, set source.format to jsonl instead."
        return "one JSON document", f"Convert it to JSON lines: {call}. {lines}"
    if suffix in _TABLES:
        what, reader = _TABLES[suffix]
        call = f"pandas.{reader}({name!r}).to_parquet({path.stem + '.parquet'!r})"
        return what, f"Convert it to Parquet: {call}."
    if suffix in _ARCHIVES or (suffix in _PACKED and inner.suffix.lower() == ".tar"):
        unpack = f"{_ARCHIVES.get(suffix, 'tar -xf')} {name}"
        return "an archive", f"Unpack it ({unpack}) and name what comes out in source.uri."
    if suffix in _PACKED:
        remedy = f"Unpack it: {_PACKED[suffix]} {name}"
        reader = _PACKED_TABLES.get(inner.suffix.lower(), "")
        convert = f"pandas.{reader.format(name)}.to_parquet({inner.stem + '.parquet'!r})" if reader else ""
        return "compressed", f"{remedy}{', or convert it: ' * bool(convert)}{convert}."
    return None
