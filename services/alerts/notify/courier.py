"""When a message is sent again, and when a channel counts as dead. Pure: moments and jitter are passed in."""

from __future__ import annotations

from dataclasses import dataclass, replace

_FIRST_MS, _LONGEST_MS = 1_000, 300_000


@dataclass(frozen=True, slots=True)
class Health:
    """Of a destination: failures in a row, since when, and when to try next (milliseconds since the epoch)."""

    failures: int = 0
    since: int = 0
    next_try: int = 0
    dead: bool = False


WELL = Health()


@dataclass(frozen=True, slots=True)
class Patience:
    """After how many failures in a row, or how long (milliseconds) a channel is dead; how old a message may get."""

    dead_after_failures: int = 10
    dead_after_ms: int = 900_000
    give_up_ms: int = 7 * 86_400_000

    def failed(self, health: Health, now: int, jitter: float) -> Health:
        """After one more failure: the pause doubles up to five minutes, and is shortened by up to half at random, so
        that many who wait for one server don't come back together. `jitter` is from 0 to 1."""
        failures = health.failures + 1
        since = health.since if health.failures else now
        pause = min(_LONGEST_MS, _FIRST_MS * 2 ** min(failures - 1, 20))
        dead = failures >= self.dead_after_failures or now - since >= self.dead_after_ms
        return Health(failures, since, now + int(pause * (1 - jitter / 2)), dead or health.dead)

    def gives_up(self, planned_at: int, now: int) -> bool:
        """Whether a message has become too old to be tried again."""
        return now - planned_at >= self.give_up_ms


def held_back(health: Health, until: int) -> Health:
    """Not to be tried before then, for a channel that takes only so many messages a minute."""
    return replace(health, next_try=max(health.next_try, until))
