from __future__ import annotations

import pytest

from tests.fakes import FakeGlue, FakeS3
from tests.lake import Lake


@pytest.fixture
def lake() -> Lake:
    """In memory: what each call of S3 does is a test's to say (`lake.s3.before`)."""
    return Lake(FakeS3(), FakeGlue())
