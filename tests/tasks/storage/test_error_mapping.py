"""Errors of the system become errors a user can act on, without secrets."""

from __future__ import annotations

import errno

import pyarrow as pa
import pytest

from augmill.policies.errors import StorageError
from augmill.tasks.storage.error_mapping import engine_text, redact, storage_errors


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("s3://AKIA:wJalr@bucket/x", "wJalr"),
        ("could not reach http://user:hunter2@host:9000/x", "hunter2"),
        ("https://host/x?X-Amz-Signature=abc123&X-Amz-Date=1", "abc123"),
        ("https://host/x?AWSAccessKeyId=AKIA1", "AKIA1"),
        ("postgresql://host/db?password=hunter2", "hunter2"),
    ],
)
def test_secrets_are_cut_out(text: str, secret: str) -> None:
    assert secret in text
    assert secret not in redact(text)


def test_what_holds_no_secret_stays() -> None:
    assert redact("s3://bucket/a@b/x.parquet?version=3") == "s3://bucket/a@b/x.parquet?version=3"


@pytest.mark.parametrize(
    ("number", "words", "transient"),
    [
        (errno.ENOSPC, "disk is full", False),
        (errno.EACCES, "permission denied", False),
        (errno.EIO, "input/output error", True),
        (errno.ESTALE, "network file system", True),
        (errno.EXDEV, "Invalid cross-device link", False),
    ],
)
def test_an_error_number_becomes_cause_and_remedy(number: int, words: str, transient: bool) -> None:
    with pytest.raises(StorageError) as caught, storage_errors("write", "/lake/x"):
        raise OSError(number, "Invalid cross-device link" if number == errno.EXDEV else "system text")
    assert caught.value.cause.startswith("cannot write /lake/x: ")
    assert words in caught.value.cause
    assert caught.value.remedy
    assert caught.value.transient is transient


def test_bytes_that_are_no_parquet_are_said_to_be_damaged() -> None:
    with pytest.raises(StorageError, match="damaged or not Parquet"), storage_errors("read", "/lake/x"):
        raise pa.ArrowInvalid("Parquet magic bytes not found")


def test_what_an_engine_says_comes_on_one_line_without_colours() -> None:
    error = OSError("Kernel error\n  \x1b[31m↳\x1b[0m GET http://user:hunter2@host/x\n")
    assert engine_text(error) == "Kernel error ↳ GET http://***@host/x"
