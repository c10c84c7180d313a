"""The settings of s3_to_s3_copier, from its environment."""

from ingestion.settings import PollSettings


class Settings(PollSettings):
    """DATABASE_NAME is the one that lands. The workflows are names: one for the day's own dump, one for past days.

    Only snapshots of DB_INSTANCE_IDENTIFIER are ours: RDS tells every stack of an account of every snapshot.
    """

    db_instance_identifier: str
    export_bucket: str
    landing_bucket: str
    database_name: str
    events_topic_arn: str
    daily_workflow: str
    backdated_workflow: str
