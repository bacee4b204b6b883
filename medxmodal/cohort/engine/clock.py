"""When things were known: relative offsets and absolute times, with zones and only as exact as written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from medxmodal.cohort.cells import parse_number, parse_time
from medxmodal.cohort.spec.base import HOURS
from medxmodal.cohort.spec.tables import Time
from medxmodal.errors import SpecError

DAY = timedelta(days=1)
LONGEST = 1e8
"""Hours, or some 11,000 years: a number beyond is no time."""
_WEEK = re.compile(r"\d{4}-?W\d\d")


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as exact as it was written: a day is known to have passed only at its end.

    Args:
        start: Earliest possible time: hours after the record's time zero.
        end: Latest possible time, likewise.
    """

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Absolute:
    """A calendar time in UTC, without zone, from its earliest to its latest."""

    start: datetime
    end: datetime


def zone_of(name: str | None) -> ZoneInfo | None:
    """The zone of times that are written without one.

    Raises:
        SpecError: There is no such zone.
    """
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SpecError(f"timezone '{name}' is not known", hint="Write for example Europe/Warsaw.") from error


@lru_cache(maxsize=65536)
def parse_absolute(text: str, zone: ZoneInfo | None = None) -> Absolute | None:
    """An ISO date or time, whole or in part, as a span of UTC; None when it is none.

    Example:
        >>> parse_absolute("2021-03").end.day, parse_absolute("2021-03-01T12:00:00+02:00").start.hour
        (31, 10)
    """
    text = text.strip()
    months = 0
    if len(text) == 4 and text.isdigit():
        start, months = parse_time(f"{text}-01-01"), 12
    elif len(text) == 7 and text[4:5] == "-":
        start, months = parse_time(f"{text}-01"), 1
    else:
        start = parse_time(_with_zone(text, zone))
    if start is None:
        return None
    if months:
        year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
        end = start.replace(year=year, month=month + 1)
    elif len(text) <= 10:
        end = start + (7 * DAY if _WEEK.fullmatch(text) else DAY)
    else:
        return Absolute(start, start)
    return Absolute(_utc(start, zone), _utc(end, zone) - timedelta(microseconds=1))


def _utc(local: datetime, zone: ZoneInfo | None) -> datetime:
    """A day begins and ends at the zone's own midnight."""
    return local.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None) if zone else local


def _with_zone(text: str, zone: ZoneInfo | None) -> str:
    if zone is None or len(text) <= 10:
        return text
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):  # the year 1 or 9999, as some systems write for no date
        return text


def relative_hours(text: str, unit: str) -> float | None:
    """A relative time in hours; None when it is no number, or longer than any record.

    Example:
        >>> relative_hours("-90", "min"), relative_hours("1e300", "h")
        (-1.5, None)
    """
    number = parse_number(text)
    hours = math.nan if number is None else number * HOURS[unit]
    return hours if abs(hours) <= LONGEST else None


@dataclass(frozen=True)
class Clock:
    """A record's clock.

    Args:
        zero: The calendar time at which its relative times are zero, in UTC, if known.
        zone: Zone of times that are written without one.
    """

    zero: datetime | None = None
    zone: ZoneInfo | None = None

    def moment(self, cells: Mapping[str, str | None], time: Time) -> Moment | None:
        """When a row was known: the latest of its times; None when none can be read."""
        found = [m for column in time.column if (m := self._one(cells.get(column), time.unit)) is not None]
        return max(found, key=lambda m: (m.end, m.start), default=None)

    def _one(self, cell: str | None, unit: str | None) -> Moment | None:
        if cell is None:
            return None
        if unit is not None:
            hours = relative_hours(cell, unit)
            return None if hours is None else Moment(hours, hours)
        when = parse_absolute(cell, self.zone)
        if when is None or self.zero is None:
            return None
        return Moment(_hours(when.start - self.zero), _hours(when.end - self.zero))


def _hours(span: timedelta) -> float:
    return span.total_seconds() / 3600
