"""The settings of prod_to_preprod, from its environment."""

from ingestion.settings import ConsumerSettings


class Settings(ConsumerSettings):
    """The bucket of dumps, and the one of another account that gets a copy of each.

    The key is null where S3 encrypts that bucket with a key of its own.
    """

    data_bucket: str
    pre_production_bucket: str
    pre_production_kms_key_arn: str | None = None
