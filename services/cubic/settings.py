"""The settings that Cubic's functions share; each function adds its own below."""

from pydantic import BaseModel, ConfigDict, Field

from ingestion.settings import PollSettings


class DatabaseSettings(BaseModel):
    """The metadata database. DB_CA_BUNDLE is a file with the authorities of RDS. DB_SECRET_ARN holds user and password."""

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, hide_input_in_errors=True)

    db_host: str
    db_port: int = Field(ge=1, le=65535)
    db_name: str
    db_secret_arn: str
    db_ca_bundle: str


class CubicSettings(PollSettings, DatabaseSettings):
    """A consumer that reaches the database."""
