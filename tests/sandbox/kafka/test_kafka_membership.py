"""Rebalances: only what moves is revoked, an instance comes back to its place."""

from confluent_kafka import Consumer

COOPERATIVE = {"partition.assignment.strategy": "cooperative-sticky"}


class Member:
    """A consumer of the topic bars that notes what it was given and what was taken away."""

    def __init__(self, kafka, **settings: object) -> None:
        self.events: list[tuple[str, frozenset[int]]] = []
        self.consumer: Consumer = kafka.consumer("sink", **settings)
        self.consumer.subscribe(
            ["bars"],
            on_assign=self._noting("assign"),
            on_revoke=self._noting("revoke"),
            on_lost=self._noting("lost"),
        )

    def _noting(self, kind: str):
        def note(_consumer, parts) -> None:
            if parts:
                self.events.append((kind, frozenset(part.partition for part in parts)))

        return note

    def holds(self) -> set[int]:
        self.consumer.consume(100, 0.02)
        return {part.partition for part in self.consumer.assignment()}

    def taken(self) -> set[int]:
        return {number for kind, numbers in self.events if kind != "assign" for number in numbers}


def sizes(*members: Member) -> list[int]:
    return sorted(len(member.holds()) for member in members)


def test_a_cooperative_rebalance_revokes_only_what_moves(kafka, until):
    kafka.create("bars", 6)
    first = Member(kafka, **COOPERATIVE)
    until(lambda: first.holds() == set(range(6)))
    second = Member(kafka, **COOPERATIVE)
    until(lambda: sizes(first, second) == [3, 3])
    assert first.taken() == second.holds()
    assert second.taken() == set()

    third = Member(kafka, **COOPERATIVE)
    until(lambda: sizes(first, second, third) == [2, 2, 2])
    held = [first.holds(), second.holds(), third.holds()]
    assert set.union(*held) == set(range(6))
    assert len(first.taken()) == 4
    third.consumer.close()
    until(lambda: sizes(first, second) == [3, 3])
    assert held[0] < first.holds()  # what it had, and one more
    assert held[1] < second.holds()
    second.consumer.close()
    until(lambda: first.holds() == set(range(6)))
    first.consumer.close()


def test_a_cooperative_group_keeps_reading_while_it_rebalances(kafka, until):
    kafka.create("bars", 4)
    kafka.send("bars", [b"%d" % number for number in range(50)])
    first = Member(kafka, **COOPERATIVE)
    until(lambda: first.holds() == {0, 1, 2, 3})
    second = Member(kafka, **COOPERATIVE)
    until(lambda: sizes(first, second) == [2, 2])
    kept = first.holds()
    assert kept.isdisjoint(first.taken())
    assert [kind for kind, _ in first.events].count("lost") == 0
    for member in (first, second):
        member.consumer.close()


def test_an_instance_that_returns_has_its_partitions_back_without_a_rebalance(kafka, until):
    kafka.create("bars", 6)
    settings = {**COOPERATIVE, "session.timeout.ms": 10_000}
    first = Member(kafka, **settings, **{"group.instance.id": "sink-0"})
    until(lambda: first.holds() == set(range(6)))
    second = Member(kafka, **settings, **{"group.instance.id": "sink-1"})
    until(lambda: sizes(first, second) == [3, 3])
    held = [first.holds(), second.holds()]
    events = list(second.events)
    first.consumer.close()  # an instance does not leave its group
    assert second.holds() == held[1]
    first = Member(kafka, **settings, **{"group.instance.id": "sink-0"})
    until(lambda: first.holds() == held[0])
    assert second.events == events

    events = list(first.events)
    second.consumer.close()
    second = Member(kafka, **settings, **{"group.instance.id": "sink-1"})
    until(lambda: second.holds() == held[1])
    assert first.events == events
    for member in (first, second):
        member.consumer.close()
    members = kafka.admin().describe_consumer_groups(["sink"])["sink"].result(10).members
    assert {member.group_instance_id for member in members} == {"sink-0", "sink-1"}
