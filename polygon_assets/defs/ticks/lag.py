"""How many sinks run, and when they are restarted: decisions without side effects.

One look every half minute. The number of sinks that ECS is asked for is the state; what a decision
needs besides is remembered between looks as a small JSON text, the sensor's cursor.

- *Start and stop*: a sink runs while the market's hours ask for one, while a producer is alive,
  and until nothing is left to settle.
- *Scale out*: too much lag at several looks in a row, that does not fall by itself, adds one sink,
  up to the partitions.
- *Scale in*: little lag for a long time takes one away. Where it was needed after all, the next
  time is twice as long, so that the number does not swing all day.
- *Restart*: messages wait in a partition and its committed offset stands still for several looks.
- *Give up*: several restarts did not help. Nothing is restarted any more, and the caller fails
  loudly until the offsets move again.

After every change some looks pass without another one: a task takes a minute or two to start, and
to take over its partitions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from polygon_assets.resources.kafka import PartitionProgress

MAX_LAG = 100_000
"""Messages of all topics: half a minute of second bars at the whole market's peak, far above a
healthy sink's backlog; a few seconds where trades and quotes are subscribed."""

CALM_LAG = MAX_LAG // 10
FALLING = 0.95
"""A lag that falls to so much of the last look's is halved in seven minutes: nothing to add."""

BEHIND_LOOKS = 2
CALM_LOOKS = 20
STUCK_LOOKS = 3
HEALTHY_LOOKS = 10
SETTLING_LOOKS = 4
MOST_RESTARTS = 3


class Memory(msgspec.Struct, omit_defaults=True):
    """What is remembered from look to look.

    Attributes:
        settled: Partition -> settled offset at the last look.
        still: Partition -> looks in a row at which messages waited and that offset stood still.
        lag: Messages that were not settled at the last look.
        behind: Looks in a row with more than ``MAX_LAG`` that did not fall.
        calm: Looks in a row with at most ``CALM_LAG``.
        healthy: Looks in a row at which no partition stood still.
        shrunk: Whether a sink was taken away since one was added.
        regrets: How often a sink had to be added after one was taken away.
        pause: Looks to come at which nothing is changed.
        restarts: Restarts since the sinks were healthy for ``HEALTHY_LOOKS``.
        gave_up: Whether restarting has been given up.
    """

    settled: dict[str, int] = {}
    still: dict[str, int] = {}
    lag: int = 0
    behind: int = 0
    calm: int = 0
    healthy: int = 0
    shrunk: bool = False
    regrets: int = 0
    pause: int = 0
    restarts: int = 0
    gave_up: bool = False

    @classmethod
    def load(cls, cursor: str | None) -> "Memory":
        """Read a cursor; one that cannot be read is a new beginning."""
        try:
            return msgspec.json.decode(cursor or "{}", type=cls)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return cls()

    def dump(self) -> str:
        """The cursor's text."""
        return msgspec.json.encode(self).decode()


@dataclass(frozen=True)
class Look:
    """What is seen at one look.

    Attributes:
        progress: Partition of a topic of the stream -> how far the sinks are.
        needed: Whether the market's hours or a live producer ask for a sink.
        sinks: Sinks that ECS is asked to run.
        most: Most sinks that may run.
        busy: Whether a change of the sinks is under way.
    """

    progress: Mapping[str, PartitionProgress]
    needed: bool
    sinks: int
    most: int
    busy: bool = False

    @property
    def lag(self) -> int:
        """Messages that are not settled, over all partitions."""
        return sum(one.lag for one in self.progress.values())

    @property
    def limit(self) -> int:
        """Most sinks that have something to do."""
        return max(1, min(self.most, len(self.progress)))


@dataclass(frozen=True)
class Decision:
    """What follows from one look.

    Attributes:
        sinks: Sinks that ECS should be asked for.
        restart: Whether the sinks are to be replaced.
        memory: What to remember for the next look.
        reason: Why, in a few words.
    """

    sinks: int
    restart: bool
    memory: Memory
    reason: str


def decide(look: Look, before: Memory) -> Decision:
    """The decision of one look, given what was remembered."""
    if not look.needed and look.lag == 0:
        if look.busy:
            return Decision(look.sinks, False, Memory(), "a change is under way")
        return Decision(0, False, Memory(), "nothing is left to do")
    memory = _remember(look, before)
    if look.busy:
        return Decision(look.sinks, False, memory, "a change is under way")
    if look.sinks == 0:
        return _changed(1, memory, "a sink is needed")
    if look.sinks > look.limit:
        return _changed(look.limit, memory, f"at most {look.limit} sinks may run")
    if max(memory.still.values(), default=0) >= STUCK_LOOKS:
        return _stuck(look, memory)
    if memory.pause:
        return Decision(look.sinks, False, memory, "the last change takes effect")
    if memory.behind >= BEHIND_LOOKS and look.sinks < look.limit:
        regrets = memory.regrets + memory.shrunk
        memory = msgspec.structs.replace(memory, shrunk=False, regrets=regrets)
        return _changed(look.sinks + 1, memory, f"lag {look.lag}: one more sink")
    if memory.calm >= CALM_LOOKS * 2**memory.regrets and look.sinks > 1:
        memory = msgspec.structs.replace(memory, shrunk=True)
        return _changed(look.sinks - 1, memory, f"lag {look.lag} for long: one sink fewer")
    return Decision(look.sinks, False, memory, f"lag {look.lag}")


def _remember(look: Look, before: Memory) -> Memory:
    """The memory after a look, before anything is decided."""
    settled = {number: one.settled for number, one in look.progress.items()}
    # Right after a change a partition may stand still without being stuck.
    counting = look.sinks > 0 and not before.pause and not look.busy
    still = {
        number: before.still.get(number, 0) + 1
        for number, one in look.progress.items()
        if counting and one.lag > 0 and before.settled.get(number) == one.settled
    }
    healthy = before.healthy + 1 if counting and not still else 0
    # After giving up one step forward is enough: somebody repaired what restarts could not.
    gave_up = before.gave_up and (bool(still) or not _moved(settled, before.settled))
    recovered = healthy >= HEALTHY_LOOKS or (before.gave_up and not gave_up)
    too_much = look.lag > MAX_LAG and look.lag > FALLING * before.lag
    return Memory(
        settled=settled,
        still=still,
        lag=look.lag,
        behind=before.behind + 1 if too_much and not still else 0,
        calm=before.calm + 1 if look.lag <= CALM_LAG else 0,
        healthy=healthy,
        shrunk=before.shrunk,
        regrets=before.regrets,
        pause=max(0, before.pause - 1),
        restarts=0 if recovered else before.restarts,
        gave_up=gave_up,
    )


def _moved(now: Mapping[str, int], before: Mapping[str, int]) -> bool:
    return any(at > before.get(number, at) for number, at in now.items())


def _changed(sinks: int, memory: Memory, reason: str) -> Decision:
    """Ask for another number of sinks, and start the counts again."""
    memory = msgspec.structs.replace(
        memory, still={}, behind=0, calm=0, healthy=0, pause=SETTLING_LOOKS
    )
    return Decision(sinks, False, memory, reason)


def _stuck(look: Look, memory: Memory) -> Decision:
    if memory.restarts >= MOST_RESTARTS:
        memory = msgspec.structs.replace(memory, gave_up=True)
        return Decision(look.sinks, False, memory, f"{MOST_RESTARTS} restarts did not help")
    restarts = memory.restarts + 1
    memory = _changed(look.sinks, memory, "").memory
    memory = msgspec.structs.replace(memory, restarts=restarts)
    return Decision(look.sinks, True, memory, f"offsets stand still: restart {restarts}")
