"""What s3_to_s3_copier needs to know, from its environment."""

from ingestion.settings import PollSettings


class Settings(PollSettings):
    """The workflows are names of Glue workflows: one for the day's own dump, one for past days."""

    export_bucket: str
    landing_bucket: str
    events_topic_arn: str
    daily_workflow: str
    backdated_workflow: str
