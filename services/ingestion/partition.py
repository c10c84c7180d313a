"""The date partition of every zone of the lake. Glue's jobs have it too: the standard library only, of Python 3.11."""

import re
from datetime import date

KEYS = ("import_year", "import_month", "import_day", "import_date")
_IN_KEY = re.compile(
    r".*/import_year=([0-9]{4})/import_month=([0-9]{2})/import_day=([0-9]{2})/import_date=\1\2\3/[^/]+", re.DOTALL
)


def values(day: date) -> list[str]:
    """The values of KEYS."""
    year, month, of_month = day.isoformat().split("-")
    return [year, month, of_month, f"{year}{month}{of_month}"]


def path(day: date) -> str:
    """The partition's folders: `import_year=2021/import_month=06/import_day=04/import_date=20210604`."""
    return "/".join(f"{key}={value}" for key, value in zip(KEYS, values(day), strict=True))


def name(day: date) -> str:
    """The last of these folders, which says the whole day: `import_date=20210604`."""
    return f"{KEYS[-1]}={values(day)[-1]}"


def day_of(key: str) -> date | None:
    """The day of the partition that an object is in; None where it is in none."""
    found = _IN_KEY.fullmatch(key)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None
