"""When things were known: only as exact as written, in the zone they were written in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medxmodal.cohort.engine.clock import Clock, Moment, parse_absolute, zone_of
from medxmodal.cohort.spec.tables import Time
from medxmodal.errors import SpecError

WARSAW, YORK = ZoneInfo("Europe/Warsaw"), ZoneInfo("America/New_York")
ZERO = datetime(2021, 3, 1)


def span(text: str, zone: ZoneInfo | None = None) -> tuple[str, str]:
    found = parse_absolute(text, zone)
    assert found is not None
    return found.start.isoformat(), found.end.isoformat()


def at(cells: dict[str, str | None], *columns: str, unit: str | None = None, clock: Clock | None = None):  # type: ignore[no-untyped-def]
    time = Time(column=list(columns), unit=unit)  # type: ignore[arg-type]
    return (clock or Clock(ZERO)).moment(cells, time)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2021", "2021-01-01T00:00:00", "2021-12-31T23:59:59.999999"),
        ("2021-02", "2021-02-01T00:00:00", "2021-02-28T23:59:59.999999"),
        ("2020-12", "2020-12-01T00:00:00", "2020-12-31T23:59:59.999999"),
        ("2021-03-01", "2021-03-01T00:00:00", "2021-03-01T23:59:59.999999"),
        ("20210301", "2021-03-01T00:00:00", "2021-03-01T23:59:59.999999"),
        ("2021-W09", "2021-03-01T00:00:00", "2021-03-07T23:59:59.999999"),
        ("2021-W09-2", "2021-03-02T00:00:00", "2021-03-02T23:59:59.999999"),
        (" 2021-03-01T12:30:15 ", "2021-03-01T12:30:15", "2021-03-01T12:30:15"),
        ("2021-03-01 12:30", "2021-03-01T12:30:00", "2021-03-01T12:30:00"),
    ],
)
def test_a_time_is_only_as_exact_as_it_was_written(text: str, start: str, end: str) -> None:
    assert span(text) == (start, end)


@pytest.mark.parametrize(
    "text",
    ["", "1.3.2021", "03/01/2021", "2021-13-01", "2021-02-30", "2021-3-1", "0001", "9999-12-31", "soon",
     "12:30", "2021-03-01T25:00", "44256", "-5", "2021-"],
)  # fmt: skip
def test_what_is_no_time_is_none(text: str) -> None:
    assert parse_absolute(text) is None
    assert parse_absolute(text, WARSAW) is None


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "0001-01-01T00:00:00+05:00"])
def test_a_year_that_stands_for_no_date_is_none(text: str) -> None:
    assert [parse_absolute(text, zone) for zone in (None, WARSAW, YORK)] == [None] * 3


def test_a_zone_that_is_written_counts_and_not_the_spec_s() -> None:
    for zone in (None, WARSAW, YORK):
        assert span("2021-03-01T12:00:00+02:00", zone)[0] == "2021-03-01T10:00:00"
        assert span("2021-03-01T12:00:00Z", zone)[0] == "2021-03-01T12:00:00"


def test_a_time_without_zone_is_in_the_spec_s_and_follows_its_summer_time() -> None:
    assert span("2021-03-27T12:00:00", WARSAW)[0] == "2021-03-27T11:00:00"
    assert span("2021-03-28T12:00:00", WARSAW)[0] == "2021-03-28T10:00:00"
    assert span("2021-03-01T12:00:00", YORK)[0] == "2021-03-01T17:00:00"


def test_a_day_begins_and_ends_at_its_own_zone_s_midnight() -> None:
    assert span("2021-03-01", YORK) == ("2021-03-01T05:00:00", "2021-03-02T04:59:59.999999")
    # The days of the change have 23 and 25 hours.
    for day, length in (("2021-03-28", 23), ("2021-10-31", 25), ("2021-06-01", 24)):
        found = parse_absolute(day, WARSAW)
        assert found is not None
        assert found.end - found.start == timedelta(hours=length) - timedelta(microseconds=1)


def test_a_result_of_the_day_is_not_known_the_evening_before_that_day_is_over() -> None:
    """20:00 in New York is past midnight in UTC, but not past the day."""
    day, evening = parse_absolute("2021-03-01", YORK), parse_absolute("2021-03-01T20:00:00-05:00", YORK)
    assert day is not None
    assert evening is not None
    assert day.end > evening.end


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), st.sampled_from([None, WARSAW, YORK]))
def test_a_day_holds_every_time_of_its_day(moment: datetime, zone: ZoneInfo | None) -> None:
    day = parse_absolute(moment.date().isoformat(), zone)
    exact = parse_absolute(moment.isoformat(sep="T", timespec="microseconds"), zone)
    assert day is not None
    assert exact is not None
    assert day.start <= exact.start <= exact.end <= day.end
    month = parse_absolute(f"{moment:%Y-%m}", zone)
    year = parse_absolute(f"{moment:%Y}", zone)
    assert month is not None
    assert year is not None
    assert year.start <= month.start <= day.start
    assert day.end <= month.end <= year.end


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)), st.integers(-12, 14))
def test_the_same_instant_in_another_zone_is_the_same(moment: datetime, hours: int) -> None:
    from datetime import timezone

    there = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(hours=hours)))
    found = parse_absolute(there.isoformat())
    assert found is not None
    assert found.start == moment


@pytest.mark.parametrize(
    ("unit", "hours"), [("s", 1 / 60), ("min", 1.0), ("h", 60.0), ("d", 1440.0), ("wk", 10080.0)]
)
def test_relative_times_are_in_their_unit(unit: str, hours: float) -> None:
    assert at({"t": "60"}, "t", unit=unit) == Moment(pytest.approx(hours), pytest.approx(hours))
    assert at({"t": "-60"}, "t", unit=unit) == Moment(pytest.approx(-hours), pytest.approx(-hours))


@pytest.mark.parametrize("text", ["", "inf", "nan", "soon", "2021-03-01", "1,5", None])
def test_a_relative_time_that_is_no_number_is_no_time(text: str | None) -> None:
    assert at({"t": text}, "t", unit="min") is None


def test_a_relative_time_longer_than_any_record_is_no_time() -> None:
    for text in ("1e308", "-1e308", "12000", "-12000"):
        assert at({"t": text}, "t", unit="a") is None
    assert at({"t": "-12000"}, "t", unit="min") == Moment(-200, -200)


def test_of_several_times_the_latest_counts() -> None:
    assert at({"taken": "10", "entered": "90"}, "taken", "entered", unit="min") == Moment(1.5, 1.5)
    assert at({"taken": "90", "entered": "10"}, "taken", "entered", unit="min") == Moment(1.5, 1.5)
    assert at({"taken": "10", "entered": None}, "taken", "entered", unit="h") == Moment(10, 10)
    assert at({"taken": None, "entered": "?"}, "taken", "entered", unit="h") is None
    # The day ends after its noon.
    found = at({"taken": "2021-03-02T12:00:00", "entered": "2021-03-02"}, "taken", "entered")
    assert found.start == 24
    assert found.end > 47


def test_absolute_times_count_from_the_record_s_zero() -> None:
    assert at({"t": "2021-03-01T06:00:00"}, "t") == Moment(6, 6)
    assert at({"t": "2021-02-28T06:00:00"}, "t") == Moment(-18, -18)
    assert at({"t": "2021-03-01T06:00:00"}, "t", clock=Clock(None)) is None


def test_a_zone_that_is_none() -> None:
    assert zone_of(None) is None
    assert zone_of("Europe/Warsaw") == WARSAW
    for name in ("Europe/Warsow", "../etc/passwd", ""):
        with pytest.raises(SpecError, match="timezone"):
            zone_of(name)
