"""The rows of the sample: made up, the same every time, with the values that break naive loaders."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

Row = tuple[Any, ...]
GROWS_FROM = 1000  # rows: a smaller table is of zones or officers, of which there are not more however large the scale
FEWEST = 40  # rows of a table however small the scale: every nasty value is in it
FIRST_DAY = datetime(2019, 1, 1, tzinfo=UTC)

NASTY_TEXT = (
    "", " ", "NULL", "\\N", "it's", '"double"', "back\\slash", "ends in a backslash\\", "tab\there", "two\nlines",
    "dos\r\nlines", "a;b;;c", "semicolon; -- and comment", "/* open comment", "*/ close", "-- \nDELIMITER ;;\n", "nul\0byte",
    "ctrl-z\x1a!", "`backtick`", "100 % s", "%s %(name)s {0}", "Zoë Müller", "日本語",
    "emoji 🚗🅿️", "e\u0301 combining", "\u2028separator",
    "'", "''", "\\'", "');DROP TABLE liberator_zone;--", "\n-- Dump completed on 2019-01-01  0:00:00\n", "x" * 60,
)  # fmt: skip
NASTY_LATIN1 = ("", "café", "50 £ ÷ 2", 'O\'Neill; "x"\\', "ÿ€Ÿ")
NASTY_BYTES = (
    b"",
    b"\0",
    b"'\"\\;\n\r\x1a\0",
    b"\xff\xfe\x80",
    bytes(range(256)),
    b"INSERT INTO `x` VALUES (';\n');\n",
    b"\xf0\x9f\x9a",
)
_STREETS = (
    "Mare",
    "Graham",
    "Kingsland",
    "Dalston",
    "Well",
    "Morning",
    "Chatsworth",
    "Richmond",
    "Queensbridge",
    "Balls Pond",
)
_KINDS = ("Street", "Road", "Lane", "Terrace", "Mews", "Gardens")


@dataclass(frozen=True)
class TableRows:
    """The rows of a table: its columns, the values clause, `count` rows at scale 1, and the function that makes each."""

    table: str
    columns: str
    count: int
    row: Callable[[random.Random, int], Row]
    values: str | None = None

    @property
    def insert(self) -> str:
        values = self.values or ", ".join(["%s"] * len(self.columns.split(",")))
        return f"INSERT INTO {self.table} ({self.columns}) VALUES ({values})"

    def rows(self, scale: float) -> Iterator[Row]:
        chance = random.Random(self.table)
        wanted = int(self.count * (min(scale, 1) if self.count < GROWS_FROM else scale))
        return (self.row(chance, number) for number in range(max(min(self.count, FEWEST), wanted)))


def _zone_code(number: int) -> str:
    return f"Z{number % 24:02d}"


def _usrn(number: int) -> int:
    return 20_900_000 + number % 60


def _pcn(number: int) -> str:
    return f"QZ{number:08d}"


def _vrm(chance: random.Random) -> str:
    letters = "".join(chance.choices("ABCDEFGHJKLMNPRSTUVWXY", k=5))
    return f"{letters[:2]}{chance.randint(2, 73):02d} {letters[2:]}"


def _moment(chance: random.Random, *, micro: bool = False) -> datetime:
    return (
        FIRST_DAY + timedelta(seconds=chance.randrange(2 * 365 * 86_400), microseconds=chance.randrange(10**6) * micro)
    ).replace(tzinfo=None)


def _day(chance: random.Random) -> date:
    return _moment(chance).date()


def _text(chance: random.Random, usual: str | None) -> str | None:
    """Now and then something nasty instead of the usual."""
    return chance.choice(NASTY_TEXT) if chance.random() < 0.02 else usual


def _zone(chance: random.Random, n: int) -> Row:
    x, y = chance.uniform(-0.1, 0), chance.uniform(51.5, 51.6)
    square = f"POLYGON(({x} {y}, {x + 0.01} {y}, {x + 0.01} {y + 0.01}, {x} {y}))"
    return (_zone_code(n), f"Zone {n} {chance.choice(_STREETS)}", square, f"0{n % 5}:30:00", n / 4, "mon,tue,sat")


def _street(chance: random.Random, n: int) -> Row:
    name = f"{_STREETS[n % 10]} {_KINDS[n // 10 % 6]}"
    return (20_900_000 + n, name, _zone_code(n), f"POINT({chance.uniform(-0.1, 0)} {chance.uniform(51.5, 51.6)})", n)


def _officer(chance: random.Random, n: int) -> Row:
    return (f"CEO{n:03d}", _text(chance, f"Officer {n}"), _day(chance), n % 7 != 0, chance.randrange(4096))


def _address(chance: random.Random, n: int) -> Row:
    street = f"{chance.randint(1, 200)} {chance.choice(_STREETS)} {chance.choice(_KINDS)}"
    uprn = 18446744073709551615 - n if n < 3 else 100_020_000_000 + n
    return (
        uprn, _usrn(n), street, _text(chance, None if n % 3 else f"Flat {n % 30}"), f"E{n % 9 + 1} {n % 9}AB",
        530_000 + n / 8, 180_000 + n / 16, _moment(chance),
    )  # fmt: skip


def _vehicle(chance: random.Random, n: int) -> Row:
    make = chance.choice(["FORD", "VAUXHALL", "BMW", "TOYOTA", "TESLA", "O'HARE & SONS", None])
    return (
        _vrm(chance),
        make,
        chance.randrange(250) if n % 5 else None,
        n % 40 / 10,
        chance.randint(1990, 2021) if n % 9 else None,
    )


def _permit(chance: random.Random, n: int) -> Row:
    start = _day(chance)
    application = {"channel": chance.choice(["web", "phone"]), "note": _text(chance, "renewal"), "cars": n % 3}
    return (
        f"HYP{n:07d}", 100_020_000_000 + n % 9000, n % 12_000 + 1, chance.choice(["resident", "business", "visitor",
        "dispensation"]),
        start, start + timedelta(days=chance.choice([91, 182, 365])), n % 300 + 0.5,
        json.dumps(application, ensure_ascii=bool(n % 2)) if n % 4 else None, _moment(chance),
    )  # fmt: skip


def _voucher(chance: random.Random, n: int) -> Row:
    return (f"BK{n // 20:06d}", _zone_code(n), n % 3 + 1, _moment(chance, micro=True) if n % 6 else None, n % 5 + 0.8)


def _pcn_row(chance: random.Random, n: int) -> Row:
    served = chance.choice(["0000-00-00", None]) if n % 50 == 0 else _day(chance)
    return (
        _pcn(n), _vrm(chance), f"{n % 99:02d}", _usrn(n) if n % 11 else None, n % 80 + 1, _moment(chance, micro=True),
        served,
        chance.choice([65, 80, 110, 130]), n % 40 == 0, _text(chance, f"outside number {n % 90}" if n % 2 else None),
    )  # fmt: skip


def _payment(chance: random.Random, n: int) -> Row:
    paid = _moment(chance, micro=True) if n % 30 else None
    return (_pcn(n % 30_000), paid, chance.choice([32.5, 40, 65, 130]), chance.choice(["card", "cheque", "phone", "cash"]))


def _audit(chance: random.Random, n: int) -> Row:
    event = chance.choice(["issued", "notice sent", "payment", "challenge", "cancelled"])
    return (_pcn(n % 30_000), event, _text(chance, f"{event} by {n % 80}" if n % 3 else None), _moment(chance))


def _appeal(chance: random.Random, n: int) -> Row:
    grounds = " ".join(
        chance.choices(["the", "sign", "was", "hidden;", "I", "wasn't", "there", "\n", "loading", "ticket"], k=12)
    )
    return (_pcn(n * 5), _day(chance), _text(chance, grounds), chance.choice(["accepted", "rejected", "withdrawn", None]))


def _case(chance: random.Random, n: int) -> Row:
    closed = None if n % 4 else "0000-00-00 00:00:00" if n % 16 == 0 else _moment(chance)
    return (hashlib.md5(str(n).encode()).digest(), _pcn(n * 3), _moment(chance), closed, n / 64, _text(chance, None))


def _attachment(chance: random.Random, n: int) -> Row:
    content = NASTY_BYTES[n] if n < len(NASTY_BYTES) else chance.randbytes(300_000 if n == 100 else chance.randrange(4_000))
    name = NASTY_LATIN1[n % 5] if n % 10 == 0 else f"photo {n}.jpg"
    return (_pcn(n), name, hashlib.sha256(content).digest(), content[:64] if n % 3 else None, content)


_LINE, _SQUARE = "(0 0, 1 1, 2 0)", "((0 0, 3 0, 3 3, 0 0))"
_GEOMETRIES = (
    "POINT(5 6)", "POINT(-0.05 51.54)", f"LINESTRING{_LINE}", f"POLYGON{_SQUARE}", "MULTIPOINT(0 0, 1 1)",
    f"MULTILINESTRING({_LINE}, {_LINE})", f"MULTIPOLYGON({_SQUARE})", f"GEOMETRYCOLLECTION(POINT(1 2), LINESTRING{_LINE})",
)  # fmt: skip
_LOWEST: Row = (
    -128, 0, 0, -32768, 0, -8388608, 0, -2147483648, 0, 0, -9223372036854775808, 0, "-9999999.99", "-99999999999999.9999",
    "-" + "9" * 28 + "." + "9" * 10, "-" + "9" * 35 + "." + "9" * 30, 0, -3.40282e38, -1.7976931348623157e308, 0, 0, "",
    b"", b"",
    b"", b"", b"", b"", "", "", "", "", "", "", "a", "", "{}", "0000-00-00", "-838:59:59", "-838:59:59.000000", "0000",
    "0000-00-00 00:00:00", "1000-01-01 00:00:00.000000", "1970-01-01 00:00:01", "1970-01-01 00:00:01.000001",
)  # fmt: skip
_HIGHEST: Row = (
    127, 255, 1, 32767, 65535, 8388607, 16777215, 2147483647, 4294967295, 99999999, 9223372036854775807,
    18446744073709551615,
    "9999999.99", "99999999999999.9999", "9" * 28 + "." + "9" * 10, "9" * 35 + "." + "9" * 30, 99999, 3.40282e38,
    1.7976931348623157e308, 1, 18446744073709551615, "z" * 10, b"\xff" * 8, b"\xff" * 255, b"\xff" * 255, b"\0\xff" * 3000,
    b"'" * 9000, b"\\" * 9000, "🚗" * 255, "ÿ" * 80, "t" * 255, "é" * 5000, "m;" * 9000, "l'" * 9000, '"quoted"',
    "one,two,three",
    '{"a": [1, 2.5, "\\u00e9"], "b": null}', "9999-12-31", "838:59:59", "838:59:58.999999", "2155", "9999-12-31 23:59:59",
    "9999-12-31 23:59:59.999999", "2038-01-19 03:14:07", "2038-01-19 03:14:07.999999",
)  # fmt: skip


def _every_type(chance: random.Random, n: int) -> Row:
    """The lowest values, the highest, nothing but nulls, then ordinary rows with the nasty values in turn."""
    if n < 3:
        values = (_LOWEST, _HIGHEST, (None,) * len(_HIGHEST))[n]
        return (n, *values, *(_GEOMETRIES if n < 2 else (None,) * 8), None if n == 2 else n)
    text, raw = NASTY_TEXT[n % len(NASTY_TEXT)], NASTY_BYTES[n % len(NASTY_BYTES)]
    moment, exact = _moment(chance), _moment(chance, micro=True)
    values = (
        chance.randint(-128, 127), chance.randrange(256), n % 2, chance.randint(-32768, 32767), chance.randrange(65536),
        chance.randint(-(2**23), 2**23 - 1), chance.randrange(2**24), chance.randint(-(2**31), 2**31 - 1),
        chance.randrange(2**32), n,
        chance.randint(-(2**63), 2**63 - 1), chance.randrange(2**64), f"{n}.25", f"-{n}.0001",
        f"{chance.randrange(10**27)}.5",
        f"{chance.randrange(10**34)}.{chance.randrange(10**29)}", n, n / 7, n / 7, n % 2, chance.randrange(2**64),
        text[:10].replace("\0", ""), raw[:8], raw[:255], raw[:255], raw, raw * 3, raw * 5, text, NASTY_LATIN1[n % 5],
        text, text * 2,
        text * 3, text * 5, ("a", "b;c", "it's", '"quoted"')[n % 4], ("", "one", "one,three")[n % 3],
        json.dumps({"text": text}),
        moment.date(), f"{n % 24}:00:{n % 60}", f"-{n % 24}:00:00.5", 2000 + n % 30, moment, exact, moment, exact,
    )  # fmt: skip
    return (n, *values, *_GEOMETRIES, n)


_EVERY_TYPE = (
    "t_tinyint, t_tinyint_unsigned, t_bool, t_smallint, t_smallint_unsigned, t_mediumint, t_mediumint_unsigned, t_int, "
    "t_int_unsigned, t_int_zerofill, t_bigint, t_bigint_unsigned, t_decimal_9, t_decimal_18, t_decimal_38, t_decimal_65, "
    "t_numeric_unsigned, t_float, t_double, t_bit_1, t_bit_64, t_char, t_binary, t_varbinary, t_tinyblob, t_blob, "
    "t_mediumblob, "
    "t_longblob, t_varchar, t_varchar_latin1, t_tinytext, t_text, t_mediumtext, t_longtext, t_enum, t_set, t_json, "
    "t_date, t_time, "
    "t_time_6, t_year, t_datetime, t_datetime_6, t_timestamp, t_timestamp_6"
)
_EVERY_GEOMETRY = (
    "t_geometry, t_point, t_linestring, t_polygon, t_multipoint, t_multilinestring, t_multipolygon, t_geometrycollection"
)
_SHAPE = "ST_GeomFromText(%s)"

TABLES = (
    TableRows("liberator_zone", "zone_code, zone_name, boundary, max_stay, hourly_rate, controlled_days", 24, _zone,
        f"%s, %s, {_SHAPE}, %s, %s, %s"),
    TableRows("liberator_street", "usrn, street_name, zone_code, centre, bays", 60, _street, f"%s, %s, %s, {_SHAPE}, %s"),
    TableRows("liberator_officer", "badge, officer_name, joined_on, active, permissions", 80, _officer),
    TableRows("liberator_permit_llpg",
        "uprn, usrn, address_1, address_2, postcode, easting, northing, record_modified", 9_000, _address),
    TableRows("liberator_vehicle", "vrm, make, co2_g_per_km, engine_litres, first_registered", 12_000, _vehicle),
    TableRows("liberator_permit_fta",
        "permit_reference, uprn, vehicle_id, permit_type, start_date, end_date, amount, application, "
        "created_at", 14_000, _permit),
    TableRows("liberator_voucher", "book_reference, zone_code, hours, activated_at, price", 20_000, _voucher),
    TableRows("liberator_pcn_fd_all",
        "pcn, vrm, contravention_code, usrn, officer_id, issued_at, served_on, charge, foreign_vehicle, "
        "location_note", 30_000, _pcn_row),
    TableRows("liberator_pcn_payment", "pcn, paid_at, amount, method", 18_000, _payment),
    TableRows("liberator_pcn_audit", "pcn, event, detail, happened_at", 26_000, _audit),
    TableRows("liberator_pcn_appeal", "pcn, received_on, grounds, outcome", 4_000, _appeal),
    TableRows("liberator_case", "case_reference, pcn, opened_at, closed_at, balance, notes", 3_000, _case),
    TableRows("liberator_attachment", "pcn, file_name, sha256, thumbnail, content", 250, _attachment),
    TableRows("liberator_every_type", f"id, {_EVERY_TYPE}, {_EVERY_GEOMETRY}, `order`", 200, _every_type,
        ", ".join(["%s"] * 46 + [_SHAPE] * 8 + ["%s"])),
)  # fmt: skip
