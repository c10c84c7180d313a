import pytest
from botocore.exceptions import ClientError

from ingestion.aws_errors import explained
from ingestion.errors import AccessDenied, NotFound, NotYet, Terminal, Transient
from tests.fakes import client_error

# Every code that has an outcome of its own. One that is forgotten is tried again for an hour, and then has no clear reason.
OUTCOMES: dict[type[Exception], list[str]] = {
    AccessDenied: [
        "AccessDenied",  # S3
        "AccessDeniedException",  # Glue, SQS, KMS
        "AllAccessDisabled",
        "AuthorizationError",  # SNS
        "AuthorizationErrorException",
        "IamRoleMissingPermissions",  # RDS
        "KMS.AccessDeniedException",  # S3, for a key's sake
        "KMSAccessDeniedException",
        "KMSKeyNotAccessibleFault",
        "UnauthorizedOperation",
        "403",  # all that a HEAD request is told
    ],
    NotFound: [
        "DBSnapshotNotFound",
        "DBSnapshotNotFoundFault",
        "EntityNotFoundException",  # Glue: no such workflow
        "ExportTaskNotFound",
        "ExportTaskNotFoundFault",
        "IamRoleNotFound",
        "NoSuchBucket",
        "NoSuchKey",
        "NoSuchVersion",
        "404",
    ],
    NotYet: [
        "ConcurrentRunsExceededException",
        "ExportTaskLimitReached",
        "ExportTaskLimitReachedFault",
        "RequestLimitExceeded",
        "ResourceNumberLimitExceededException",
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    ],
}


@pytest.mark.parametrize(
    ("code", "kind", "outcome"),
    [(code, kind, Transient if kind is NotYet else Terminal) for kind, codes in OUTCOMES.items() for code in codes],
)
def test_a_code_of_aws_becomes_what_is_done_about_it(code: str, kind: type[Exception], outcome: type[Exception]) -> None:
    with pytest.raises(kind, match=r"reading s3://b/k") as raised, explained("reading s3://b/k"):
        raise client_error(code)
    assert isinstance(raised.value, outcome)


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchKey"])
def test_a_person_is_told_how_to_repeat_it_whether_a_message_failed_or_a_task(code: str) -> None:
    repeat = r"redrive the message or, if a task says this, run the task again\.$"
    with pytest.raises(Terminal, match=repeat), explained("reading s3://b/k"):
        raise client_error(code)


def test_an_unknown_code_goes_through_to_be_tried_again() -> None:
    with pytest.raises(ClientError), explained("reading"):
        raise client_error("InternalError")
