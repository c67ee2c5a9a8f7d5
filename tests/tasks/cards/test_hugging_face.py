"""The head of the card says what the hub and `datasets` ask for, in their words."""

import pyarrow as pa
import pytest
import yaml

from augmill.tasks.cards.file_layout import LaidFile, Layout
from augmill.tasks.cards.hugging_face import feature, front_matter, metadata, size_category
from augmill.tasks.rows.provenance import BOXES_TYPE, PAYLOAD_TYPE


def test_the_head_is_yaml_between_dashes_with_the_files_and_features_of_each_split(document, layout):
    text = front_matter(document, layout)
    assert text.startswith("---\n")
    assert text.endswith("\n---\n")
    head = yaml.safe_load(text.strip("-\n"))
    folder = "../oil-spill/augmill_split="
    assert head["configs"] == [
        {
            "config_name": "default",
            "data_files": [
                {
                    "split": "train",
                    "path": [f"{folder}train/augmill_origin={one}/a.parquet" for one in ("real", "synthetic")],
                },
                {"split": "test", "path": [f"{folder}test/augmill_origin=real/a.parquet"]},
            ],
        }
    ]
    assert head["dataset_info"] == {
        "features": [
            {"name": "f1", "dtype": "float64"},
            {"name": "target", "dtype": "string"},
            {"name": "augmill_sample_id", "dtype": "string"},
        ],
        "splits": [
            {"name": "train", "num_bytes": 8370, "num_examples": 837},
            {"name": "test", "num_bytes": 1400, "num_examples": 140},
        ],
        "download_size": 9770,
        "dataset_size": 9770,
    }
    assert head["tags"] == ["augmill", "data-augmentation", "synthetic"]


@pytest.mark.parametrize(
    ("rows", "named"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (123_456, "100K<n<1M"), (10**9 - 1, "100M<n<1B"), (10**9, "n>1B")],
)
def test_sizes_have_the_names_of_the_hub(rows, named):
    assert size_category(rows) == named


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (pa.int64(), {"dtype": "int64"}),
        (pa.float32(), {"dtype": "float32"}),
        (pa.bool_(), {"dtype": "bool"}),
        (pa.timestamp("us", tz="UTC"), {"dtype": "timestamp[us, tz=UTC]"}),
        (pa.date32(), {"dtype": "date32"}),
        (PAYLOAD_TYPE, {"dtype": "image"}),
        (pa.list_(pa.string()), {"list": "string"}),
        (pa.struct([("row", pa.int64())]), {"struct": [{"name": "row", "dtype": "int64"}]}),
        (
            BOXES_TYPE,
            {
                "list": [
                    *({"name": name, "dtype": "float64"} for name in ("xmin", "ymin", "xmax", "ymax")),
                    {"name": "label", "dtype": "string"},
                ]
            },
        ),
        (pa.list_(pa.list_(pa.int8())), {"list": [{"list": "int8"}]}),
    ],
)
def test_columns_have_the_types_that_datasets_reads(kind, told):
    assert feature(kind) == told


@pytest.mark.parametrize(
    ("policy", "columns", "tasks"),
    [
        ({"modality": "tabular", "label": "y"}, [], ["tabular-classification"]),
        ({"modality": "tabular", "label": None}, [], None),
        ({"modality": "image", "label": "y"}, [], ["image-classification"]),
        ({"modality": "image", "label": None, "columns": {"mask": "m"}}, [], ["image-segmentation"]),
        ({"modality": "image", "label": None}, [("boxes", BOXES_TYPE)], ["object-detection"]),
    ],
)
def test_the_task_follows_from_what_rows_carry(document, policy, columns, tasks):
    document["policy"] = policy
    layout = Layout((LaidFile("a", "train", "real", 1, 1, "ab"),), pa.schema(columns))
    assert metadata(document, layout).get("task_categories") == tasks


def test_a_licence_is_never_guessed(document, layout):
    assert metadata(document, layout)["license"] == "unknown"
    assert "language" not in metadata(document, layout)
    document["policy"] |= {"license": "cc-by-4.0", "language": ["en", "de"]}
    assert metadata(document, layout)["license"] == "cc-by-4.0"
    assert metadata(document, layout)["language"] == ["en", "de"]
    document["policy"]["license"] = "s3://legal/terms.txt"
    named = metadata(document, layout)
    assert (named["license"], named["license_link"]) == ("other", "s3://legal/terms.txt")
