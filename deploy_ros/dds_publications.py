"""Who publishes on a topic, as DDS discovery tells it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cyclonedds.builtin import BuiltinDataReader, BuiltinTopicDcpsParticipant, BuiltinTopicDcpsPublication
from cyclonedds.core import InstanceState
from cyclonedds.domain import DomainParticipant

AT_ONCE = 256  # announcements that are taken at a time


class Publications:
    """Keeps the publications of a domain, for what discovery says once it does not repeat."""

    def __init__(self, participant: DomainParticipant) -> None:
        self._own = str(participant.guid)
        self._announced = BuiltinDataReader(participant, BuiltinTopicDcpsPublication)
        self._joined = BuiltinDataReader(participant, BuiltinTopicDcpsParticipant)
        self._of: dict[str, tuple[str, str]] = {}  # by the writer's key: topic and participant
        self._who: dict[str, str] = {}  # by the participant's key

    def others(self, topics: Iterable[str]) -> list[str]:
        """Those of other participants that publish on one of these topics, one line each."""
        self._update()
        wanted = {f"rt{topic}" for topic in topics}
        return sorted(
            f"{topic.removeprefix('rt')} by {self._who.get(participant, f'DDS participant {participant}')}"
            for topic, participant in self._of.values()
            if topic in wanted and participant != self._own
        )

    def _update(self) -> None:
        for sample in _taken(self._joined):
            self._who[str(sample.key)] = _name(sample)
        for sample in _taken(self._announced):
            if sample.sample_info.instance_state == InstanceState.Alive:
                self._of[str(sample.key)] = sample.topic_name, str(sample.participant_key)
            else:
                self._of.pop(str(sample.key), None)


def _taken(reader: Any) -> Iterable[Any]:
    while samples := reader.take(AT_ONCE):
        yield from samples


def _name(participant: Any) -> str:
    """What Cyclone DDS says of a process; other vendors say less."""
    said = {p.key: p.value for p in participant.qos if hasattr(p, "key") and hasattr(p, "value")}
    if "__Pid" not in said:
        return f"DDS participant {participant.key}"
    return f"process {said['__Pid']} ({said.get('__ProcessName', '?')}) on {said.get('__Hostname', '?')}"
