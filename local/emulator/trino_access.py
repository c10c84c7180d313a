"""Trino on this machine as its clients know it: the address, the authority of its certificate, tokens, statements."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import boto3
import requests
from joserfc import jwt
from joserfc.jwk import ECKey
from trino.auth import JWTAuthentication
from trino.dbapi import Connection, connect

from local.emulator.aws import REGION, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEV, PROD, GLUE = "osc_datacommons_dev", "osc_datacommons_prod", "awsdatacatalog"
BUCKETS = {"LANDING": "datacommons-landing", "DEV": "datacommons-dev", "PROD": "datacommons-prod"}
WEEK = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class TrinoAccess:
    """Everything that a client needs, and the key that signs tokens, which a client has not.

    `aws` is the endpoint of S3 and Glue. `plain_port` speaks HTTP, and takes no client.
    """

    port: int
    plain_port: int
    ca_bundle: str
    signing_key: str
    aws: str
    host: str = "localhost"
    user: str = "datacommons"

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        return cls(**json.loads(text))

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def token(self, subject: str | None = None, *, seconds: float = WEEK) -> str:
        """A token for the user, or for another subject; it expires after so many seconds, or has if they are negative."""
        key = ECKey.import_key(Path(self.signing_key).read_bytes())
        return jwt.encode({"alg": "ES256"}, {"sub": subject or self.user, "exp": int(time.time() + seconds)}, key)

    def connect(self, **options: Any) -> Connection:
        """A connection of the user with a fresh token, in UTC; `options` are the client's and win.

        The session trusts this server's authority alone: `verify` would lose against REQUESTS_CA_BUNDLE.
        https://requests.readthedocs.io/en/latest/user/advanced/#ssl-cert-verification
        """
        session = requests.Session()
        session.trust_env, session.verify = False, self.ca_bundle
        precision = {f"{catalog}.timestamp_precision": "MICROSECONDS" for catalog in (DEV, PROD, GLUE)}
        usual = {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "http_scheme": "https",
            "auth": JWTAuthentication(self.token()),
            "http_session": session,
            "timezone": "UTC",
            "session_properties": precision,
        }
        made: Connection = connect(**(usual | options))  # type: ignore[no-untyped-call]
        return made

    def query(self, statement: str, **options: Any) -> list[list[Any]]:
        """The rows of one statement, in a connection of its own; `options` are `connect`'s."""
        with self.connect(**options) as connection:
            return list(connection.cursor().execute(statement).fetchall())

    def client(self, service: str) -> Any:
        """A boto3 client for the AWS that has the catalogs' files and tables."""
        keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": REGION}
        return boto3.client(service, endpoint_url=self.aws, **keys)  # type: ignore[call-overload]

    @contextmanager
    def glue_catalog(self, name: str, endpoint: str, more: Mapping[str, str] | None = None) -> Iterator[str]:
        """A catalog of the Glue and the S3 at an endpoint, while the block lasts; `more` are settings, which win."""
        settings = (glue_catalog(endpoint) | dict(more or {})).items()
        listed = ", ".join(f""" "{key}" = '{value}'""" for key, value in settings)
        self.query(f'CREATE CATALOG "{name}" USING hive WITH ({listed})')
        try:
            yield name
        finally:
            self.query(f'DROP CATALOG "{name}"')

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which programs find Trino, the S3 of its tables and, with any SDK, its AWS."""
        found = {
            "TRINO_HOST": self.host,
            "TRINO_PORT": str(self.port),
            "TRINO_USER": self.user,
            "TRINO_PASSWD": self.token(),
        }
        for name, bucket in BUCKETS.items():
            keys = {"ENDPOINT": self.aws, "ACCESS_KEY": "local", "SECRET_KEY": "local", "BUCKET": bucket}
            found |= {f"S3_{name}_{key}": value for key, value in keys.items()}
        return found | {"REQUESTS_CA_BUNDLE": self.ca_bundle} | environment(self.aws)


def s3(endpoint: str) -> dict[str, str]:
    """The settings of a catalog whose files are in the S3 at this endpoint."""
    return {
        "fs.native-s3.enabled": "true",
        "s3.endpoint": endpoint,
        "s3.region": REGION,
        "s3.path-style-access": "true",
        "s3.aws-access-key": "local",
        "s3.aws-secret-key": "local",
        "hive.timestamp-precision": "MICROSECONDS",
        "hive.allow-register-partition-procedure": "true",
    }


def glue_catalog(endpoint: str) -> dict[str, str]:
    """The settings of a catalog whose tables are in the Glue Data Catalog at this endpoint."""
    return s3(endpoint) | {
        "hive.metastore": "glue",
        "hive.metastore.glue.endpoint-url": endpoint,
        "hive.metastore.glue.region": REGION,
        "hive.metastore.glue.aws-access-key": "local",
        "hive.metastore.glue.aws-secret-key": "local",
        "hive.table-statistics-enabled": "false",  # moto's Glue has none
    }
