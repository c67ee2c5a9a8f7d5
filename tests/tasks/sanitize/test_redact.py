import pytest

from augmill.tasks.sanitize.redact import redact, redact_all, redact_text

SECRETS = [
    "https://user:hunter2@host/raw.csv",
    "https://user:hun/ter2?x#y@host/raw.csv",
    "s3://AKIAABCDEFGHIJKLMNOP:hun/ter2@bucket/raw.csv",
    "postgresql+psycopg2://mlflow:hunter2@db:5432/mlflow",
    "https://bucket.s3.amazonaws.com/raw.csv?X-Amz-Credential=hunter2&X-Amz-Signature=ter2ab",
    "https://account.blob.core.windows.net/raw/x.csv?sv=2024&sig=hunter2%3D",
    "https://host/raw.csv?token=hunter2",
    "https://host/raw.csv?api_key=hunter2#part",
    "https://storage.googleapis.com/b/o?X-Goog-Signature=hunter2",
    "s3://bucket/raw.csv?aws_secret_access_key=hunter2",
]


@pytest.mark.parametrize("uri", SECRETS)
def test_a_secret_in_a_uri_does_not_survive(uri):
    shown = redact(uri)
    assert "ter2" not in shown
    assert "AKIA" not in shown
    assert "REDACTED" in shown
    assert redact_text(f"see <{uri}>, now").count("ter2") == 0


@pytest.mark.parametrize(
    "uri",
    [
        "s3://bucket/prefix/part-0@2.parquet",
        "http://host:8080/raw.csv?mail=a@b.c",
        "https://host/raw.csv?versionId=abc&page=2",
        "sqlite:////home/me/.augmill/mlflow.db",
        "/data/2024@noon/raw.csv",
        "builtin:digits",
        "file:///data/a:b@c.csv",
    ],
)
def test_a_uri_without_secrets_stays_as_it_is(uri):
    assert redact(uri) == uri
    assert redact_text(f"read {uri} twice") == f"read {uri} twice"


def test_what_names_the_object_stays_readable():
    assert redact("https://me:pw@host:8443/a/b.csv?versionId=7&sig=x") == (
        "https://REDACTED@host:8443/a/b.csv?versionId=7&sig=REDACTED"
    )


def test_keys_outside_a_uri_go_too():
    shown = redact_text("aws_secret_access_key = hunter2\nid: AKIAABCDEFGHIJKLMNOP\nMLFLOW_TRACKING_PASSWORD='hunter2'")
    assert "hunter2" not in shown
    assert "AKIA" not in shown


def test_every_string_of_a_document_is_redacted_and_nothing_else_changes():
    value = {"a": ["https://u:hunter2@h/x", 1, None, True, 0.5], "b": {"https://u:hunter2@h": "plain"}}
    assert redact_all(value) == {
        "a": ["https://REDACTED@h/x", 1, None, True, 0.5],
        "b": {"https://REDACTED@h": "plain"},
    }
