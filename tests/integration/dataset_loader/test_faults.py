"""A task that dies at any call, before or after it took effect, and is run again: one object, one record, one version."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from dataset_loader import sources, staging
from tests.integration.dataset_loader.commons import BUCKET, SOURCES, Commons

CSV = b"a,b\n" + b"".join(b"%d,%064x\n" % (i, i * 7919**9) for i in range(2_000))


class Died(BaseException):
    """The process is no more."""


@contextmanager
def dying(monkeypatch: pytest.MonkeyPatch, at: int, *, after: bool) -> Iterator[list[str]]:
    """Make the call number `at` of all AWS calls the last one, before or after it takes effect. Yield the calls."""
    calls: list[str] = []
    dead = False

    def watched(*arguments: Any, **options: Any) -> Any:
        client = made(*arguments, **options)

        def before(model: Any, **_: Any) -> None:
            nonlocal dead
            if dead:
                raise Died
            calls.append(model.name)
            if len(calls) == at and not after:
                dead = True
                raise Died

        def then(**_: Any) -> None:
            nonlocal dead
            if len(calls) == at and after:
                dead = True
                raise Died

        client.meta.events.register("before-call", before)
        client.meta.events.register("after-call", then)
        return client

    made = boto3.client
    with monkeypatch.context() as patch:
        patch.setattr(boto3, "client", watched)
        yield calls


def test_death_at_every_call(commons: Commons, monkeypatch: pytest.MonkeyPatch) -> None:
    commons.upload(CSV)
    at = 0
    finished = False
    while not finished:
        at += 1
        for after in (False, True):
            spec = commons.spec(metadata={"title": f"{at}, {after}"})  # a version of its own
            with dying(monkeypatch, at, after=after) as calls:
                try:
                    commons.run("--spec", spec)
                    finished = len(calls) < at
                except Died:
                    pass
            recorded = {attempt.attempt_key: attempt for attempt in commons.attempts()}
            objects = set(commons.parquets())
            assert objects <= {key for attempt in recorded.values() for key in attempt.keys}, "named by a record"
            assert all(a.keys <= objects for a in recorded.values() if a.staged), "staged only if it is there"
            assert commons.run("--spec", spec).exit_code == 0
            assert len(commons.attempts()) == len(set(commons.parquets()))
            assert all(attempt.staged for attempt in commons.attempts())
            last = commons.announced()[-1]
            attempt = next(a for a in commons.attempts() if a.uuid == last.uuid)
            assert commons.read(attempt).num_rows == attempt.rows == 2_000
            for key in commons.keys():  # noqa: SIM118
                commons.s3.delete_object(Bucket=BUCKET, Key=key)
    assert at > 9


def test_a_failed_write_leaves_no_parts(commons: Commons, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ClientError({"Error": {"Code": "InternalError", "Message": "broken"}}, "UploadPart")

    monkeypatch.setattr(staging.Sink, "_send", refuse)
    assert commons.load(CSV).exit_code == 1
    assert commons.uploads() == []
    assert [attempt.staged for attempt in commons.attempts()] == [False]


def test_two_tasks_at_once_write_one_object(commons: Commons, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one completes while this one is about to."""
    complete = staging.Sink.complete
    others: list[int] = []

    def complete_after_another(sink: staging.Sink) -> None:
        if not others:
            others.append(0)
            others[0] = commons.run("--spec", spec).exit_code
        complete(sink)

    commons.upload(CSV)
    spec = commons.spec()
    monkeypatch.setattr(staging.Sink, "complete", complete_after_another)
    assert commons.run("--spec", spec).exit_code == 0
    assert others == [0]
    (attempt,) = commons.attempts()
    assert attempt.staged
    assert len(commons.keys()) == 2
    assert commons.uploads() == []
    assert commons.read(attempt).num_rows == 2_000


def test_a_source_replaced_while_it_is_read_is_read_again(commons: Commons, monkeypatch: pytest.MonkeyPatch) -> None:
    commons.s3.create_bucket(Bucket="plain", CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    commons.upload(CSV, bucket="plain")
    pin = sources.pin
    replaced: list[bytes] = [b"a,b\n7,x\n"]

    def pin_and_replace(*arguments: Any) -> sources.Pinned:
        pinned = pin(*arguments)
        if replaced:
            commons.upload(replaced.pop(), bucket="plain")
        return pinned

    monkeypatch.setattr("dataset_loader.load.pin", pin_and_replace)
    assert commons.run("--spec", commons.spec(source={"bucket": "plain"})).exit_code == 0
    (attempt,) = commons.attempts()
    assert commons.read(attempt).to_pydict() == {"a": [7], "b": ["x"]}


def test_with_versions_the_one_that_was_pinned_is_read(commons: Commons, monkeypatch: pytest.MonkeyPatch) -> None:
    commons.upload(CSV)
    pin = sources.pin

    def pin_and_replace(*arguments: Any) -> sources.Pinned:
        pinned = pin(*arguments)
        commons.upload(b"a,b\n7,x\n")
        return pinned

    monkeypatch.setattr("dataset_loader.load.pin", pin_and_replace)
    assert commons.run("--spec", commons.spec()).exit_code == 0
    assert commons.attempts()[0].rows == 2_000


def test_a_later_version_that_is_published_wins(commons: Commons) -> None:
    old = commons.upload(CSV)
    commons.upload(b"a,b\n7,x\n")
    assert commons.run("--spec", commons.spec()).exit_code == 0
    (later,) = commons.attempts()
    later = later.model_copy(
        update={"source": later.source.model_copy(update={"modified_at": later.staged_at.replace(year=2200)})}
    )
    commons.s3.put_object(Bucket=BUCKET, Key=later.key, Body=later.model_dump_json().encode())
    commons.announced()
    before = commons.keys()
    assert commons.run("--spec", commons.spec(source={"version": old})).exit_code == 0
    assert commons.keys() == before
    assert commons.announced() == []


class Sent:
    """The requests that go to a bucket."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.requests: list[AWSRequest] = []
        made = boto3.client

        def watched(*arguments: Any, **options: Any) -> Any:
            client = made(*arguments, **options)
            client.meta.events.register("before-send", lambda request, **_: self.requests.append(request))
            return client

        monkeypatch.setattr(boto3, "client", watched)

    def to_source(self) -> list[AWSRequest]:
        return [request for request in self.requests if f"/{SOURCES}/data/" in request.url]


def test_an_unsigned_source_sees_no_signature_and_no_write(
    commons: Commons, aws: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commons.upload(CSV)
    commons.s3.put_object_acl(Bucket=SOURCES, Key="data/plants.csv", ACL="public-read")
    spec = commons.spec(source={"access": "unsigned", "endpoint": aws})
    sent = Sent(monkeypatch)
    assert commons.run("--spec", spec).exit_code == 0
    assert {request.method for request in sent.to_source()} == {"HEAD", "GET"}
    assert not any("Authorization" in request.headers for request in sent.to_source())
    assert any("Authorization" in request.headers for request in sent.requests), "other requests are signed"


def test_a_private_source_is_read_with_its_own_keys(commons: Commons, aws: str, monkeypatch: pytest.MonkeyPatch) -> None:
    commons.upload(CSV)
    spec = commons.spec(source={"access": "keys"})
    monkeypatch.setenv("S3_LANDING_ENDPOINT", aws)
    monkeypatch.setenv("S3_LANDING_ACCESS_KEY", "LANDINGKEY")
    monkeypatch.setenv("S3_LANDING_SECRET_KEY", "landing secret")
    monkeypatch.setenv("S3_DEV_ENDPOINT", aws)
    monkeypatch.setenv("S3_DEV_ACCESS_KEY", "DEVKEY")
    monkeypatch.setenv("S3_DEV_SECRET_KEY", "dev secret")
    sent = Sent(monkeypatch)
    assert commons.run("--spec", spec).exit_code == 0
    assert {request.method for request in sent.to_source()} == {"HEAD", "GET"}
    assert all("LANDINGKEY" in str(request.headers["Authorization"]) for request in sent.to_source())
    written = [request for request in sent.requests if f"/{BUCKET}/" in request.url]
    assert all("DEVKEY" in str(request.headers["Authorization"]) for request in written)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"endpoint": "https://elsewhere.example"}, "where the task's role is nobody"),
        ({"endpoint": "https://elsewhere.example", "access": "keys"}, "the keys are those of S3_LANDING_ENDPOINT"),
        ({"access": "keys"}, "Set S3_LANDING_ACCESS_KEY"),
    ],
)
def test_no_other_endpoint_sees_the_role_or_the_keys(commons: Commons, source: dict[str, str], said: str) -> None:
    assert said in commons.run("--spec", commons.spec(source=source)).error


def test_half_a_pair_of_keys_is_said(commons: Commons, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_DEV_ACCESS_KEY", "DEVKEY")
    assert "One of the two keys" in commons.load(CSV).error
