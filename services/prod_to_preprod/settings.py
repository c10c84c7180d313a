"""What prod_to_preprod needs to know, from its environment."""

from ingestion.settings import ConsumerSettings


class Settings(ConsumerSettings):
    """The bucket is another account's. The key is null where S3 encrypts that bucket with a key of its own."""

    pre_production_bucket: str
    pre_production_kms_key_arn: str | None = None
