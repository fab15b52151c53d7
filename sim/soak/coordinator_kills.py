"""kill -9 of the coordinator under load, at seeded moments, on either store; then what it holds against what was said.

What must hold: every message once, one stream a node without a gap, nothing in quarantine, one alarm for each person as
his last message has it, each in exactly one incident, and every incident open that nobody closed.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml
from sqlalchemy import select

from contract.clock import Clock
from fleet.picture.incidents import Alarm, Incident
from fleet.records import reads, tables
from fleet.records.postgres import Database
from fleet.records.store import Store, open_store
from sim.benchmarks.ingest import address_of, coordinator
from sim.demo_setup import DemoError
from sim.mosquitto import Mosquitto, find_mosquitto
from sim.soak import crowd

LONGEST_S = 0.4  # from the first acknowledgement of a life to its end
PATIENCE_S = 120.0
MESSAGES_A_KILL = 400


@dataclass(frozen=True, slots=True)
class Survived:
    """`messages` were stored; `wrong` in words."""

    kills: int
    messages: int
    incidents: int
    wrong: tuple[str, ...]


def kill_coordinator(
    folder: Path,
    place: Database | None,
    *,
    kills: int,
    seed: int,
    clock: Clock,
    on_kill: Callable[[], None] = lambda: None,
) -> Survived:
    """`place` None: SQLite in `folder`. Raises DemoError when a part does not come back."""
    chance = random.Random(seed)  # noqa: S311 - moments to be killed at
    said = crowd.messages_of(kills * MESSAGES_A_KILL // len(crowd.STAGES), seed=seed)
    binary = find_mosquitto()
    if binary is None:
        raise DemoError("this needs the mosquitto binary (apt-get install mosquitto)")
    (folder / "broker").mkdir(parents=True)
    (folder / "site.yaml").write_text(yaml.safe_dump(crowd.site().model_dump(mode="json", exclude_none=True)))
    with ExitStack() as parts:
        broker = parts.enter_context(Mosquitto(binary, folder=folder / "broker", clock=clock))
        child = parts.enter_context(coordinator(folder, place, port=broker.port))
        nodes = parts.enter_context(crowd.Crowd(said, port=broker.port, clock=clock))
        nodes.allowed = 0
        nodes.start()
        for kill in range(1, kills + 1):
            address_of(child, starts=kill)
            done = nodes.done
            nodes.allowed = kill * len(said) // kills
            if not nodes.wait(partial(_has_more_than, nodes, done), timeout_s=PATIENCE_S):
                raise DemoError(f"life {kill}: nothing acknowledged within {PATIENCE_S:.0f} s: {child.last_words()}")
            time.sleep(chance.uniform(0.0, LONGEST_S))
            child.kill()
            on_kill()
            child.start()
        if not nodes.wait(lambda: nodes.done == len(said), timeout_s=PATIENCE_S):
            raise DemoError(f"{nodes.done} of {len(said)} messages within {PATIENCE_S:.0f} s: {child.last_words()}")
    with open_store(place or folder / "fleet" / "fleet.db") as store:
        return _audit(store, said, kills=kills)


def _has_more_than(nodes: crowd.Crowd, done: int) -> bool:
    return nodes.done > done


def _audit(store: Store, said: Sequence[crowd.Said], *, kills: int) -> Survived:
    with store.reading() as connection:
        numbers = Counter((row.node, row.sequence) for row in connection.execute(select(tables.MESSAGES)))
        streams = reads.streams(connection)
        set_aside = len(reads.quarantine(connection))
        incidents = [each for each in reads.open_incidents(connection) if each.subject is None]
        alarms = reads.alarms_of(connection, [incident.incident_id for incident in incidents])
    wrong = [*_numbers(numbers, said), *_alarms(alarms, incidents, said)]
    for node in crowd.NODES:
        last = sum(each.node == node for each in said)
        stream = streams.get((node, str(crowd.outbox_of(node))))
        if stream is None or (stream.contiguous, stream.beyond) != (last, ()):
            wrong.append(f"node {node}: expected a stream up to {last} without a gap, got {stream}")
    if set_aside:
        wrong.append(f"expected nothing in quarantine, got {set_aside}")
    return Survived(kills, sum(numbers.values()), len(incidents), tuple(wrong))


def _numbers(numbers: Counter[tuple[str, int]], said: Sequence[crowd.Said]) -> Iterator[str]:
    missing = [each for each in said if numbers[each.node, each.sequence] == 0]
    if missing:
        first = missing[0]
        yield f"{len(missing)} of {len(said)} messages are lost, the first is {first.sequence} of {first.node}"
    if max(numbers.values(), default=0) > 1 or len(numbers) > len(said):
        yield "a message is there twice, or one that nobody sent"


def _alarms(alarms: Sequence[Alarm], incidents: Sequence[Incident], said: Sequence[crowd.Said]) -> Iterator[str]:
    last = {each.alarm_id: each.revision for each in said}
    found = {alarm.alarm_id: alarm.revision for alarm in alarms}
    if found != last or len(alarms) != len(last):
        yield f"expected an alarm for each of {len(last)} people as he was last seen, got {len(alarms)} others"
    members = Counter(alarm_id for incident in incidents for alarm_id in incident.alarm_ids)
    of = {alarm_id: incident.incident_id for incident in incidents for alarm_id in incident.alarm_ids}
    if set(members.values()) - {1} or any(of.get(alarm.alarm_id) != alarm.incident_id for alarm in alarms):
        yield "an alarm is in no incident, or in two"
