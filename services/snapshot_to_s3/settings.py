"""The settings of snapshot_to_s3, from its environment."""

from ingestion.settings import PollSettings


class Settings(PollSettings):
    """DATABASE_NAME is the one database that is exported. The role and the key are those that RDS exports with.

    Only snapshots of DB_INSTANCE_IDENTIFIER are ours: RDS tells every stack of an account of every snapshot.
    """

    db_instance_identifier: str
    copier_queue_url: str
    export_bucket: str
    export_role_arn: str
    export_kms_key_arn: str
    database_name: str
