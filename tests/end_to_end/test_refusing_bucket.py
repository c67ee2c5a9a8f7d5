"""Buckets that refuse: one message with a remedy, exit code 4, and nothing published changes.

The store is moto, told to follow the policies of its users, whom it knows by their keys. What a wrong secret leads
to is shown by `tests/tasks/storage/test_s3.py` on a store that looks at it.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace

import boto3
import pytest

from augmill.flows.cli import main
from augmill.tasks.runs.context import OBJECTS
from augmill.tasks.storage import s3 as s3_module
from augmill.tasks.storage.conditional_put_probe import PROOF
from augmill.tasks.storage.store import Store
from tests.end_to_end.helpers import GOOD, HEADER, NOISE, exactly, go, policy, table_of
from tests.fixtures_s3 import S3Server, started

pytestmark = pytest.mark.s3

BUCKET = "guarded-bucket"
DATA = f"s3://{BUCKET}/data/all.csv"
READ = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def refusal(action: str, *keys: str) -> dict:
    return {"Effect": "Deny", "Action": action, "Resource": [f"arn:aws:s3:::{BUCKET}{key}" for key in keys]}


USERS = {
    "owner": [ALL],
    "reader": [READ],
    "stranger": [],
    "no publisher": [ALL, refusal("s3:PutObject", "/*/_delta_log/*")],
    "no reader of the log": [ALL, refusal("s3:GetObject", "/*/_delta_log/*")],
    "no lister of data": [ALL, refusal("s3:ListBucket", "")],
    "no reader of data": [ALL, refusal("s3:GetObject", "/data/*")],
}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, S3Server]]:
    """By user, the server with that user's keys; the bucket holds the data."""
    with started(tmp_path_factory.mktemp("guarded-s3"), judging=True) as server:
        client = server.client()
        client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key="data/all.csv", Body="\n".join([HEADER, *GOOD]).encode())
        client.close()
        users = {name: user_of(server, name.replace(" ", "-"), rules) for name, rules in USERS.items()}
        users["unknown"] = replace(users["owner"], key="AKIDUNKNOWN")
        request = urllib.request.Request(
            f"{server.endpoint}/moto-api/reset-auth", data=b"0", headers={"Content-Type": "text/plain"}
        )
        urllib.request.urlopen(request).close()  # from now on every request is judged
        yield users


def user_of(server: S3Server, name: str, rules: list[dict]) -> S3Server:
    keys = {"aws_access_key_id": server.key, "aws_secret_access_key": server.secret}
    iam = boto3.session.Session().client("iam", endpoint_url=server.endpoint, region_name="us-east-1", **keys)
    iam.create_user(UserName=name)
    if rules:
        document = json.dumps({"Version": "2012-10-17", "Statement": rules})
        iam.put_user_policy(UserName=name, PolicyName="rights", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    iam.close()
    return replace(server, key=key["AccessKeyId"], secret=key["SecretAccessKey"])


@pytest.fixture
def become(guarded: dict[str, S3Server], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """A function that gives this process the keys of a user."""

    def put_on(user: str) -> None:
        for name, value in guarded[user].environment.items():
            monkeypatch.setenv(name, value)
        s3_module.forget()

    yield put_on
    s3_module.forget()


REFUSED = {
    "reader": "s3:PutObject",
    "stranger": "s3:PutObject",
    "no publisher": "s3:PutObject",
    "unknown": "AWS_ACCESS_KEY_ID",
}


CASES = [(user, published) for user in REFUSED for published in (True, False)]


@pytest.mark.parametrize(("user", "published"), [*CASES, ("no reader of the log", True)])
def test_a_lake_that_refuses(here, become: Callable[[str], None], monkeypatch, user: str, published: bool):
    lake = f"s3://{BUCKET}/{user.replace(' ', '-')}-{published}"
    become("owner")
    if published:
        Store(lake).sub(OBJECTS).write(PROOF, b"proved elsewhere: races in moto now and then have two winners")
        go(policy(here.folder, "data.csv"), lake)
    before = exactly(lake) if published else []
    policy(here.folder, "data.csv", NOISE)
    become(user)
    monkeypatch.setenv("AUGMILL_LAKE", lake)
    here.refused(here.folder / "policy.yaml", 4, BUCKET, REFUSED.get(user, "s3:GetObject"))
    become("owner")
    assert table_of(lake).versions() == ([0] if published else [])
    assert not published or exactly(lake) == before


@pytest.mark.parametrize("user", ["stranger", "no lister of data", "no reader of data", "unknown"])
def test_a_source_that_refuses(here, become: Callable[[str], None], user: str):
    become(user)
    here.refused(policy(here.folder, DATA), 4, BUCKET)


def test_doctor_takes_its_trial_away_where_nobody_may_list(here, become: Callable[[str], None], monkeypatch, capfd):
    monkeypatch.chdir(here.folder)
    monkeypatch.setenv("AUGMILL_LAKE", f"s3://{BUCKET}/looked-at")
    become("no lister of data")
    assert main(["doctor", "--json"]) == 4
    failed = {
        one["name"]: one["found"] for one in json.loads(capfd.readouterr().out)["checks"] if one["status"] == "fail"
    }
    assert "cannot list" in failed["lake"]
    become("owner")
    assert list(Store(f"s3://{BUCKET}/looked-at").list()) == []
