"""The quick look at a time's text never believes what the full look does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from schemas.timing import implausible_time

_ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_NEAR = st.integers(-3 * 86_400, 3 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
_ARRIVALS = st.datetimes(datetime(2001, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
_FIRST = datetime(2000, 1, 1, tzinfo=UTC)


@given(_ARRIVALS, _NEAR, _ZONES, st.booleans())
def test_text_and_moment_are_judged_alike(arrived: datetime, near: timedelta, zone: timezone, early: bool) -> None:
    moment = ((_FIRST if early else arrived) + near).astimezone(zone).replace(microsecond=0)
    of_moment = SimpleNamespace(TIMES=("at",), at=moment)
    of_text = SimpleNamespace(TIMES=("at",), at=moment.isoformat())
    assert implausible_time(of_text, "/lims", arrived) == implausible_time(of_moment, "/lims", arrived)  # type: ignore[arg-type]
