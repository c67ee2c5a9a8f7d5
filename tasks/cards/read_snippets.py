"""How to read one version with the tools people use, as snippets that run as they stand."""

from __future__ import annotations

from urllib.parse import quote

from augmill.tasks.cards.file_layout import Layout
from augmill.tasks.documents.version_document import VersionDocument


def snippets(document: VersionDocument) -> list[tuple[str, str, str]]:
    """(tool, language, code) for pandas, Polars, DuckDB and the command line. Python ones leave rows in `rows`.

    They read the files that the version lists: `DeltaTable.to_pyarrow_table` can abort the process at its end,
    and DuckDB's own extensions for Delta and S3 download themselves.
    """
    table, version = document["table_uri"], document["version"]
    files = _files(table, version)
    pandas, duckdb = _in_bucket(files) if table.startswith("s3://") else _on_disk(files)
    return [
        ("pandas", "python", pandas),
        ("Polars", "python", _polars(table, version, files)),
        ("DuckDB", "python", duckdb),
        ("augmill", "sh", f"augmill export {document['dataset']}@{version} --to FOLDER"),
    ]


def beside(layout: Layout) -> list[tuple[str, str, str]]:
    """The same for files that lie beside the card, from within their folder."""
    names = [file.path for file in layout.files]
    every = f"rows = pd.read_parquet({names!r})\n"
    return [
        ("pandas", "python", f"import pandas as pd\n\n{every}"),
        ("Polars", "python", f"import polars as pl\n\nrows = pl.read_parquet({names!r})\n"),
        ("DuckDB", "python", f"import duckdb\n\nrows = duckdb.read_parquet({names!r})\n"),
        ("datasets", "python", 'from datasets import load_dataset\n\nrows = load_dataset(".")\n'),
        ("mlcroissant", "python", _MLCROISSANT),
    ]


_MLCROISSANT = 'from mlcroissant import Dataset\n\nrows = Dataset("croissant.json").records("rows")\n'


def _on_disk(files: str) -> tuple[str, str]:
    duckdb = f"import duckdb\n{files}rows = duckdb.read_parquet(files, hive_partitioning=True)\n"
    return f"import pandas as pd\n{files}rows = pd.read_parquet(files)\n", duckdb


def _in_bucket(files: str) -> tuple[str, str]:
    # pyarrow does not read AWS_ENDPOINT_URL by itself, and takes names without the scheme.
    bucket = "bucket = S3FileSystem(endpoint_override=os.environ.get('AWS_ENDPOINT_URL'))\n"
    names = "names = [file.removeprefix('s3://') for file in files]\n"
    imports = "import os\nfrom pyarrow.fs import S3FileSystem\n"
    pandas = f"{imports}import pandas as pd\n{files}{names}{bucket}rows = pd.read_parquet(names, filesystem=bucket)\n"
    duckdb = (
        f"{imports}import duckdb\nimport pyarrow.dataset\n{files}{names}{bucket}"
        "raw = pyarrow.dataset.dataset(names, filesystem=bucket, partitioning='hive')\n"
        "rows = duckdb.from_arrow(raw)\n"
    )
    return pandas, duckdb


def _polars(table: str, version: int, files: str) -> str:
    if _plain(table):
        return f"import polars as pl\n\nrows = pl.read_delta({table!r}, version={version})\n"
    return f"import polars as pl\n{files}rows = pl.read_parquet(files, hive_partitioning=True)\n"


def _files(table: str, version: int) -> str:
    listed = f"DeltaTable({table!r}, version={version}).file_uris()"
    if _plain(table):
        return f"from deltalake import DeltaTable\n\nfiles = {listed}\n"
    # deltalake spells spaces and the like in local paths as in a URI, which no reader of files undoes.
    imports = "from urllib.parse import unquote\nfrom deltalake import DeltaTable\n"
    return f"{imports}\nfiles = [unquote(file) for file in {listed}]\n"


def _plain(table: str) -> bool:
    return quote(table, safe="/:@=+,~") == table
