"""Keys of Incoming, and the names that follow from them. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from cubic.errors import UnknownFile

ROOT = "cubic/"
CHANGES = "__ct"
CURRENT = "__current"


class Stream(StrEnum):
    """The three streams, as the second folder of a key names them."""

    ODS = "ods_qlik"
    DMAP = "dmap"
    KAFKA = "kafka"


@dataclass(frozen=True, slots=True)
class LoadNumber:
    """The counter in the name of a full load's file, as Qlik writes it: decimal or hexadecimal, nobody says which.

    `segment` is that of a parallel load, null without one.
    https://help.qlik.com/en-US/replicate/November2023/Content/Replicate/Main/Amazon%20S3/s3_target_fullLoad.htm
    """

    counter: str
    segment: int | None = None

    @property
    def begins(self) -> bool:
        """Whether a file of this number is the first of a full load."""
        return self.counter.lstrip("0") == "1" and self.segment in (None, 1)


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file that becomes a load. `number` is null for all but the files of a full load of ODS."""

    key: str
    stream: Stream
    table_prefix: str
    is_ct: bool
    name: str
    number: LoadNumber | None = None

    @property
    def identifier(self) -> str:
        """The value of the partition key `identifier`: the file's name."""
        return self.name

    @property
    def directory(self) -> str:
        """The key without the name: `cubic/ods_qlik/EDW.SAMPLE__ct/`."""
        return self.key.removesuffix(self.name)

    @property
    def stem(self) -> str:
        """The key without its extension, which a description of the file has too."""
        return _EXTENSION.sub("", self.key)

    @property
    def glue_table(self) -> str:
        """The table of the catalog that the file goes to."""
        return table_name(self.table_prefix) + (CHANGES if self.is_ct else "")

    @property
    def is_ods(self) -> bool:
        """Whether the file belongs to a snapshot."""
        return self.stream is Stream.ODS

    @property
    def begins_snapshot(self) -> bool:
        """Whether each version of the file begins a snapshot."""
        return self.number is not None and self.number.begins


@dataclass(frozen=True, slots=True)
class Description:
    """A `.dfm`, which describes the file of the same stem. It becomes no load."""

    key: str
    table_prefix: str

    @property
    def stem(self) -> str:
        return self.key.removesuffix(".dfm")


# No control characters: a name becomes part of a partition's location, and of log lines.
_KEY = re.compile(r"cubic/(?P<stream>ods_qlik|dmap|kafka)/(?P<table>[^/\x00-\x1f\x7f]+)/(?P<name>[^/\x00-\x1f\x7f]+)")
_LOAD = re.compile(r"LOAD(?:_(?P<segment>[0-9]+)_)?(?P<counter>[0-9A-Fa-f]+)\.(?:csv(?:\.gz)?|dfm)")
_EXTENSION = re.compile(r"\.(csv(\.gz)?|json|dfm)\Z")
_PLAIN = re.compile(r"[^a-z0-9_]")


def parse(key: str) -> DataFile | Description | None:
    """Read a key of Incoming; None where it is of no form that Cubic has.

    Beside its changes, a table of ODS has only the files of full loads: another name there is nobody's.
    """
    if not (match := _KEY.fullmatch(key)):
        return None
    stream, table, name = Stream(match["stream"]), match["table"], match["name"]
    is_ct = stream is Stream.ODS and table.endswith(CHANGES)
    plain = table.removesuffix(CHANGES) if is_ct else table
    extension = _EXTENSION.search(name)
    if not re.search("[A-Za-z0-9]", plain) or not extension or not name[: extension.start()]:
        return None
    prefix = f"{ROOT}{stream}/{plain}/"
    load = _LOAD.fullmatch(name) if stream is Stream.ODS and not is_ct else None
    if extension[1] == "dfm":
        return Description(key, prefix) if is_ct or load else None
    if (extension[1] == "json") != (stream is Stream.KAFKA) or (stream is Stream.ODS and not is_ct and not load):
        return None
    number = LoadNumber(load["counter"], int(load["segment"]) if load["segment"] else None) if load else None
    return DataFile(key, stream, prefix, is_ct, name, number)


def data_file(key: str) -> DataFile:
    """Read the key of a load. Raises UnknownFile for any other key, which is never registered."""
    file = parse(key)
    if not isinstance(file, DataFile):
        raise UnknownFile(f"{key!r} is the key of no data file of Cubic. Rename the file as its stream names its files.")
    return file


def table_name(table_prefix: str) -> str:
    """The name of a table: `cubic/ods_qlik/EDW.SAMPLE/` is `cubic__ods_qlik__edw_sample`."""
    return "__".join(_PLAIN.sub("_", part.lower()) for part in table_prefix.rstrip("/").split("/"))
