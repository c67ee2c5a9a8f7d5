"""What botocore raises, as StorageError: the cause in words, the remedy, and whether trying again can help."""

from __future__ import annotations

from typing import Any, cast

import botocore.exceptions as faults

from augmill.policies.errors import StorageError
from augmill.tasks.storage.error_mapping import redact

_CREDENTIALS = "check the credentials (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE or the role)"
_ENDPOINT = "check AWS_ENDPOINT_URL and that the store is up, then run again"
_BY_CODE: dict[str, tuple[str, str]] = {
    "NoSuchBucket": ("the bucket does not exist", "create the bucket, or correct the URI"),
    "NoSuchKey": ("the object does not exist", "check the name; `augmill list` shows what is there"),
    "404": ("the object or its bucket does not exist", "check the name, and that the bucket exists"),
    "AccessDenied": (
        "access is denied",
        "allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket on it, or use other credentials",
    ),
    "403": (
        "access is denied",
        "allow s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket on it, or use other credentials",
    ),
    "InvalidAccessKeyId": ("the store does not know this access key", _CREDENTIALS),
    "SignatureDoesNotMatch": ("the store refuses the secret key", _CREDENTIALS),
    "ExpiredToken": ("the credentials have expired", "sign in again, then run again"),
    "PermanentRedirect": ("the bucket lives in another region", "set AWS_REGION to the bucket's region"),
    "AuthorizationHeaderMalformed": ("the bucket lives in another region", "set AWS_REGION to the bucket's region"),
    "QuotaExceeded": ("the store's quota is used up", "free space in the bucket or raise the quota"),
    "InsufficientCapacity": ("the store is full", "free space in the store"),
}
_UNANSWERED = (
    faults.ConnectionError,
    faults.HTTPClientError,
    faults.IncompleteReadError,
    faults.ChecksumError,
    faults.FlexibleChecksumError,
)
_TRANSIENT_STATUS = frozenset({408, 409, 429, 500, 502, 503, 504})


def from_boto(action: str, uri: str, error: Exception) -> StorageError:
    """The StorageError that an error of boto3 stands for."""
    if isinstance(error, faults.ClientError):
        why, remedy, transient = _answered(cast("dict[str, Any]", error.response))
    elif isinstance(
        error, faults.NoCredentialsError | faults.PartialCredentialsError | faults.CredentialRetrievalError
    ):
        why, remedy, transient = "no usable credentials were found", _CREDENTIALS, False
    elif isinstance(error, faults.ProfileNotFound | faults.NoRegionError | faults.ParamValidationError):
        why, remedy, transient = redact(str(error)), "correct the AWS settings or the URI", False
    elif isinstance(error, _UNANSWERED):
        why, remedy, transient = f"the store did not answer ({redact(str(error))})", _ENDPOINT, True
    else:
        why, remedy, transient = redact(str(error)), _ENDPOINT, False
    return StorageError(f"cannot {action} {redact(uri)}: {why}", remedy, transient=transient)


def _answered(response: dict[str, Any]) -> tuple[str, str, bool]:
    code = str(response.get("Error", {}).get("Code", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if code in _BY_CODE:
        return (*_BY_CODE[code], False)
    message = redact(str(response.get("Error", {}).get("Message", "")))[:200]
    return f"the store answered {status} {code} {message}".rstrip(), _ENDPOINT, status in _TRANSIENT_STATUS
