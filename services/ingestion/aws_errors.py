"""Turns the error codes of AWS into what is done about them, in one place for every client."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from ingestion.errors import AccessDenied, NotFound, NotYet

DENIED = frozenset(
    {
        "AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AuthorizationError", "AuthorizationErrorException",
        "IamRoleMissingPermissions", "KMS.AccessDeniedException", "KMSAccessDeniedException", "KMSKeyNotAccessibleFault",
        "UnauthorizedOperation", "403",
    }
)  # fmt: skip
MISSING = frozenset(
    {
        "DBSnapshotNotFound", "DBSnapshotNotFoundFault", "EntityNotFoundException", "ExportTaskNotFound",
        "ExportTaskNotFoundFault", "IamRoleNotFound", "NoSuchBucket", "NoSuchKey", "NoSuchVersion",
        "ResourceNotFoundException", "404",
    }
)  # fmt: skip
LATER = frozenset(
    {
        "ConcurrentRunsExceededException", "ExportTaskLimitReached", "ExportTaskLimitReachedFault",
        "KMSThrottlingException", "LimitExceededException", "ProvisionedThroughputExceededException", "RequestLimitExceeded",
        "ResourceNumberLimitExceededException", "SlowDown", "Throttling", "ThrottlingException", "ThrottledException",
        "TooManyRequestsException",
    }
)  # fmt: skip

# A function works on a message, which waits on its dead-letter queue. A task has none.
AGAIN = "redrive the message or, if a task says this, run the task again"


def error_code(error: ClientError) -> str:
    """The code that AWS gives the error, e.g. `NoSuchKey`; a HEAD request has only the HTTP status."""
    return error.response.get("Error", {}).get("Code", "")


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """Sorts a ClientError raised while `doing` (say what and on which resource) into our errors.

    Raises AccessDenied, NotFound, or NotYet for limits and throttling that outlast botocore's own retries. Any other
    code goes through as it is, which makes it Transient.
    """
    try:
        yield
    except ClientError as error:
        code, detail = error_code(error), error.response.get("Error", {}).get("Message", "")
        if code in DENIED:
            raise AccessDenied(f"Access denied while {doing}: {detail or code}. Grant it, then {AGAIN}.") from error
        if code in MISSING:
            raise NotFound(f"Not found while {doing}: {detail or code}. Check the name, then {AGAIN}.") from error
        if code in LATER:
            raise NotYet(f"{code} while {doing}") from error
        raise
