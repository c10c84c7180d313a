import pytest
from botocore.exceptions import ClientError

from ingestion.aws_errors import explained
from ingestion.errors import AccessDenied, NotFound, NotYet, Terminal, Transient
from tests.fakes import client_error


@pytest.mark.parametrize(
    ("code", "kind", "outcome"),
    [
        ("AccessDenied", AccessDenied, Terminal),
        ("KMSKeyNotAccessibleFault", AccessDenied, Terminal),
        ("403", AccessDenied, Terminal),  # all that a HEAD request is told
        ("404", NotFound, Terminal),
        ("NoSuchKey", NotFound, Terminal),
        ("DBSnapshotNotFound", NotFound, Terminal),
        ("ExportTaskLimitReachedFault", NotYet, Transient),
        ("ConcurrentRunsExceededException", NotYet, Transient),
        ("SlowDown", NotYet, Transient),
    ],
)
def test_a_code_of_aws_becomes_what_is_done_about_it(code: str, kind: type[Exception], outcome: type[Exception]) -> None:
    with pytest.raises(kind, match=r"reading s3://b/k") as raised, explained("reading s3://b/k"):
        raise client_error(code)
    assert isinstance(raised.value, outcome)


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchKey"])
def test_a_person_is_told_how_to_repeat_it_whether_a_message_failed_or_a_task(code: str) -> None:
    repeat = r"redrive the message or, if the dump loader says this, load the dump again\.$"
    with pytest.raises(Terminal, match=repeat), explained("reading s3://b/k"):
        raise client_error(code)


def test_an_unknown_code_goes_through_to_be_tried_again() -> None:
    with pytest.raises(ClientError), explained("reading"):
        raise client_error("InternalError")
