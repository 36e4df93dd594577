"""When a process that gets nowhere is to end."""

from __future__ import annotations

import pytest

from services.runtime.liveness import Liveness, Progress, Stalled

PLACE, OTHER = ("t", 3), ("t", 4)


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def looks(liveness: Liveness, clock: Clock, seconds: int, *states: Progress) -> None:
    """Looks every second, at the same states."""
    for _ in range(seconds):
        clock.now += 1
        liveness.look(dict(zip((PLACE, OTHER), states, strict=False)))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def liveness(clock: Clock) -> Liveness:
    return Liveness(10, clock)


def test_lag_without_progress_ends_it(liveness: Liveness, clock: Clock) -> None:
    looks(liveness, clock, 10, Progress(7, 5), Progress(1, 0))
    with pytest.raises(Stalled, match=r"^t partition 3 has stood at offset 7 for 10 s with 5 to apply$"):
        looks(liveness, clock, 1, Progress(7, 5), Progress(1, 0))


@pytest.mark.parametrize("state", [Progress(7, 0), Progress(7, 5, paused=True)])
def test_no_lag_and_a_pause_do_not(liveness: Liveness, clock: Clock, state: Progress) -> None:
    looks(liveness, clock, 100, state)


def test_any_progress_begins_the_time_anew(liveness: Liveness, clock: Clock) -> None:
    for position in range(20):
        looks(liveness, clock, 9, Progress(position, 5))
    looks(liveness, clock, 1, Progress(19, 0))
    looks(liveness, clock, 9, Progress(19, 5))
    looks(liveness, clock, 1, Progress(3, 50))  # Redis went back in time
    looks(liveness, clock, 9, Progress(3, 50))


def test_a_partition_that_was_given_away_is_not_waited_for(liveness: Liveness, clock: Clock) -> None:
    looks(liveness, clock, 9, Progress(7, 5))
    looks(liveness, clock, 1)
    looks(liveness, clock, 9, Progress(7, 5))


def test_a_silent_server_ends_it_and_the_message_names_what_stands(liveness: Liveness, clock: Clock) -> None:
    liveness.answered("Redis")
    looks(liveness, clock, 6, Progress(7, 0))
    with pytest.raises(Stalled, match=r"^t partition 3 .* for 4 s with 2 to apply; Redis has not answered for 10 s$"):
        looks(liveness, clock, 5, Progress(7, 2))


def test_a_process_that_was_stopped_gets_its_time(liveness: Liveness, clock: Clock) -> None:
    liveness.answered("Redis")
    looks(liveness, clock, 5, Progress(7, 5))
    clock.now += 1000
    looks(liveness, clock, 9, Progress(7, 5))
    with pytest.raises(Stalled):
        looks(liveness, clock, 2, Progress(7, 5))


def test_it_can_be_switched_off(clock: Clock) -> None:
    liveness = Liveness(0, clock)
    liveness.answered("Redis")
    looks(liveness, clock, 1000, Progress(7, 5))
