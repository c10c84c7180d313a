"""The settings of trino_publisher, from its environment."""

from enum import StrEnum
from typing import Self

from pydantic import Field, SecretStr, model_validator

from ingestion.settings import PollSettings


class Metastore(StrEnum):
    """The place where Trino's catalogs keep their tables: the Glue Data Catalog of this account, or one of Trino's own."""

    GLUE = "glue"
    OWN = "own"


class Settings(PollSettings):
    """TRINO_SECRET_ARN is of the secret whose text is the token; on one machine TRINO_PASSWD is the token itself.

    TRINO_CA_BUNDLE is a file of the authorities of Trino's certificate, null where a public one has signed it.
    """

    trino_host: str
    trino_port: int = Field(gt=0, lt=65536)
    trino_user: str
    trino_secret_arn: str | None = None
    trino_passwd: SecretStr | None = None
    trino_ca_bundle: str | None = None
    trino_metastore: Metastore = Metastore.GLUE
    s3_dev_bucket: str
    s3_prod_bucket: str
    events_topic_arn: str

    @model_validator(mode="after")
    def _has_a_token(self) -> Self:
        if not (self.trino_secret_arn or self.trino_passwd):
            raise ValueError("give TRINO_SECRET_ARN, or TRINO_PASSWD")
        return self
