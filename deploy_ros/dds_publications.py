"""Who publishes on a topic, as DDS discovery tells it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cyclonedds.builtin import (
    BuiltinDataReader,
    BuiltinTopicDcpsParticipant,
    BuiltinTopicDcpsPublication,
    BuiltinTopicDcpsSubscription,
)
from cyclonedds.core import InstanceState
from cyclonedds.domain import DomainParticipant

AT_ONCE = 256  # announcements that are taken at a time


class Publications:
    """Keeps the publications of a domain, for what discovery says once it does not repeat."""

    def __init__(self, participant: DomainParticipant) -> None:
        self._own = str(participant.guid)
        self._announced = BuiltinDataReader(participant, BuiltinTopicDcpsPublication)
        self._listening = BuiltinDataReader(participant, BuiltinTopicDcpsSubscription)
        self._joined = BuiltinDataReader(participant, BuiltinTopicDcpsParticipant)
        self._of: dict[str, tuple[str, str, str]] = {}  # by the writer's key: topic, participant, type
        self._to: dict[str, tuple[str, str, str]] = {}  # the same of readers
        self._who: dict[str, str] = {}  # by the participant's key

    def others(self, topics: Iterable[str]) -> list[str]:
        """Those of other participants that publish on one of these topics, one line each."""
        self._update()
        wanted = {f"rt{topic}" for topic in topics}
        return sorted(
            f"{topic.removeprefix('rt')} by {self._who.get(participant, f'DDS participant {participant}')}"
            for topic, participant, _ in self._of.values()
            if topic in wanted and participant != self._own
        )

    def topics(self, kind: str) -> list[str]:
        """Those on which others publish messages of this DDS type."""
        self._update()
        return self._named(self._of, kind)

    def taken(self, kind: str) -> list[str]:
        """Those on which others listen for messages of this DDS type."""
        self._update()
        return self._named(self._to, kind)

    def _named(self, ends: dict[str, tuple[str, str, str]], kind: str) -> list[str]:
        found = {topic for topic, participant, of in ends.values() if of == kind and participant != self._own}
        return sorted(topic.removeprefix("rt") for topic in found if topic.startswith("rt/"))

    def _update(self) -> None:
        for sample in _taken(self._joined):
            self._who[str(sample.key)] = _name(sample)
        for reader, ends in ((self._announced, self._of), (self._listening, self._to)):
            for sample in _taken(reader):
                if sample.sample_info.instance_state == InstanceState.Alive:
                    ends[str(sample.key)] = sample.topic_name, str(sample.participant_key), sample.type_name
                else:
                    ends.pop(str(sample.key), None)


def _taken(reader: Any) -> Iterable[Any]:
    while samples := reader.take(AT_ONCE):
        yield from samples


def _name(participant: Any) -> str:
    """What Cyclone DDS says of a process; other vendors say less."""
    said = {p.key: p.value for p in participant.qos if hasattr(p, "key") and hasattr(p, "value")}
    if "__Pid" not in said:
        return f"DDS participant {participant.key}"
    return f"process {said['__Pid']} ({said.get('__ProcessName', '?')}) on {said.get('__Hostname', '?')}"
