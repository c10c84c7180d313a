"""The environment of the task, from its template, the EventBridge rule, or a person's credentials.env."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from data_commons.spec import Catalog
from ingestion.errors import Terminal


def _none_if_blank(value: object) -> object:
    """Take blank as missing: the rule's input transformer leaves an empty text where the event has no such field."""
    return None if isinstance(value, str) and not value.strip() else value


Optional = BeforeValidator(_none_if_blank)


class Store(BaseSettings):
    """A place in S3. Without an endpoint it is AWS's own, without keys the task's role is used."""

    model_config = SettingsConfigDict(frozen=True)

    endpoint: Annotated[str | None, Optional] = None
    access_key: Annotated[SecretStr | None, Optional] = None
    secret_key: Annotated[SecretStr | None, Optional] = None
    bucket: Annotated[str | None, Optional] = None


class Landing(Store):
    """The source data landing zone, S3_LANDING_…: private sources, which are only read, and the specs."""

    model_config = SettingsConfigDict(frozen=True, env_prefix="S3_LANDING_")


class Dev(Store):
    """The development bucket, S3_DEV_…"""

    model_config = SettingsConfigDict(frozen=True, env_prefix="S3_DEV_")


class Prod(Store):
    """The production bucket, S3_PROD_…"""

    model_config = SettingsConfigDict(frozen=True, env_prefix="S3_PROD_")


class Settings(BaseSettings):
    """SPEC_BUCKET, SPEC_KEY and SPEC_VERSION_ID come from the rule; without the bucket, it is S3_LANDING_BUCKET.

    MAX_UNPACKED_BYTES is the most that a compressed source may unpack to.
    """

    model_config = SettingsConfigDict(frozen=True)

    spec_bucket: Annotated[str | None, Optional] = None
    spec_key: Annotated[str | None, Optional] = None
    spec_version_id: Annotated[str | None, Optional] = None

    publish_queue_url: Annotated[str, Field(min_length=1)]
    alerts_topic_arn: Annotated[str | None, Optional] = None
    max_unpacked_bytes: Annotated[int, Field(gt=0)] = 100_000_000_000

    landing: Landing = Field(default_factory=Landing)
    dev: Dev = Field(default_factory=Dev)
    prod: Prod = Field(default_factory=Prod)

    def target(self, catalog: Catalog) -> Store:
        """The store of a catalog's tables."""
        return {Catalog.DEV: self.dev, Catalog.PROD: self.prod}[catalog]


def read() -> Settings:
    """Read the settings from the environment. Raises Terminal, which says what is wrong and never the values."""
    try:
        return Settings()
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors(include_input=False)
        )
        raise Terminal(f"The environment is wrong: {problems}. Correct the task definition or its overrides.") from None
