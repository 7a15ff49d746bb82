"""A DDS participant that ROS 2 nodes take for one of theirs, from `cyclonedds` alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from cyclonedds.core import DDSException, InstanceState, Policy, Qos, ReadCondition, SampleState, ViewState, WaitSet
from cyclonedds.domain import Domain, DomainParticipant
from cyclonedds.internal import InvalidSample
from cyclonedds.pub import DataWriter
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
from cyclonedds.util import duration

from ashore.configs.errors import AshoreError
from ashore.deploy_ros.dds_publications import Publications
from ashore.deploy_ros.dds_types import HASHES, ros_name

MAX_DOMAIN_ID = 232  # the last one whose UDP ports exist (DDSI-RTPS 9.6.2)
_BLOCKING = duration(milliseconds=5)  # a reader that does not answer must not hold up a control loop
AT_ONCE = 16  # messages of a topic before it is another's turn
_ANY = SampleState.Any | ViewState.Any | InstanceState.Any

# One a process: Cyclone takes a domain's configuration when it is first opened.
_domains: dict[int, Domain] = {}
_creating = threading.Lock()  # topics: two threads that describe the same one at once fail, one of them


class EnvironmentVariableError(AshoreError, ValueError):
    """A ROS environment variable that cannot be followed; says which values are allowed."""


def _opened(kind: Any, *arguments: Any) -> Any:
    """A domain or participant; where Cyclone cannot open it, an error that names the likely cause."""
    try:
        return kind(*arguments)
    except Exception as error:  # DDSException is no subclass of anything narrower
        uri = os.environ.get("CYCLONEDDS_URI")
        cause = f"CYCLONEDDS_URI = {uri!r}; allowed: a configuration whose interfaces exist here (`ip link`)"
        raise EnvironmentVariableError(
            f"Cyclone DDS cannot open domain {arguments[0]}: {' '.join(str(error).split())}; "
            + (cause if uri else "is a network interface up? `ip link`")
        ) from error


def domain_id(environ: Mapping[str, str] = os.environ) -> int:
    """ROS_DOMAIN_ID, 0 where it is not set."""
    text = environ.get("ROS_DOMAIN_ID", "") or "0"
    if not (text.isascii() and text.isdigit()) or int(text) > MAX_DOMAIN_ID:
        raise EnvironmentVariableError(f"ROS_DOMAIN_ID = {text!r}; allowed: 0 to {MAX_DOMAIN_ID}")
    return int(text)


def cyclone_config(environ: Mapping[str, str] = os.environ) -> str | None:
    """Cyclone DDS's configuration for ROS 2's discovery variables, or None to leave it to Cyclone and CYCLONEDDS_URI.

    As rmw_cyclonedds (Iron and later) reads them: ROS_LOCALHOST_ONLY=1 goes before ROS_AUTOMATIC_DISCOVERY_RANGE
    (SUBNET where not set, as ROS users expect; LOCALHOST, OFF, SYSTEM_DEFAULT), ROS_STATIC_PEERS adds hosts.
    LOCALHOST also binds to the loopback interface, so that nothing leaves the machine.
    """
    reach = environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "") or "SUBNET"
    peers = [p for p in environ.get("ROS_STATIC_PEERS", "").split(";") if p]
    if environ.get("ROS_LOCALHOST_ONLY") == "1":
        reach, peers = "LOCALHOST", []
    if reach not in ("SUBNET", "LOCALHOST", "OFF", "SYSTEM_DEFAULT"):
        raise EnvironmentVariableError(
            f"ROS_AUTOMATIC_DISCOVERY_RANGE = {reach!r}; allowed: SUBNET, LOCALHOST, OFF, SYSTEM_DEFAULT"
        )
    if bad := [p for p in peers if not p.replace(".", "").replace("-", "").replace(":", "").replace("_", "").isalnum()]:
        raise EnvironmentVariableError(
            f"ROS_STATIC_PEERS has {bad}; allowed: host names and addresses, separated by ';'"
        )
    general = discovery = ""
    if reach == "LOCALHOST":
        # Another host cannot be reached from the loopback interface.
        interface = (
            "" if peers else '<Interfaces><NetworkInterface address="127.0.0.1" multicast="false"/></Interfaces>'
        )
        general = f"{interface}<AllowMulticast>false</AllowMulticast>"
        peers = ["localhost", *peers] if peers else ["127.0.0.1"]
    elif reach == "OFF":
        general = "<AllowMulticast>false</AllowMulticast>"
        discovery = f"<Tag>ashore_{os.getpid()}</Tag>"
    if peers and reach in ("SUBNET", "LOCALHOST"):
        listed = "".join(f'<Peer address="{p}"/>' for p in peers)
        index = "<ParticipantIndex>auto</ParticipantIndex><MaxAutoParticipantIndex>32</MaxAutoParticipantIndex>"
        discovery += f"{index}<Peers>{listed}</Peers>"
    if not general and not discovery:
        return None
    config = f"<CycloneDDS><Domain><General>{general}</General><Discovery>{discovery}</Discovery></Domain></CycloneDDS>"
    return ",".join(filter(None, (config, environ.get("CYCLONEDDS_URI"))))


class Writer:
    """Publishes one topic, reliably: readers of ros2_control's command topics may be reliable."""

    def __init__(self, participant: DomainParticipant, topic: str, kind: type, depth: int, latched: bool) -> None:
        durability = Policy.Durability.TransientLocal if latched else Policy.Durability.Volatile
        qos = _qos(Policy.Reliability.Reliable(_BLOCKING), durability, depth)
        own = Qos(*_type_hash(kind), Policy.WriterDataLifecycle(autodispose=False), base=qos)
        self._writer: DataWriter[Any] = DataWriter(participant, _topic(participant, topic, kind), qos=own)

    def write(self, message: Any) -> None:
        """Send; where a reader has stopped taking in, the message is lost, as a newer one follows."""
        try:
            self._writer.write(message)
        except DDSException as error:
            if error.code != DDSException.DDS_RETCODE_TIMEOUT:
                raise

    @property
    def heard(self) -> bool:
        """Whether anyone listens."""
        return bool(self._writer.get_matched_subscriptions())

    def flush(self, seconds: float) -> None:
        """Wait until those who listen have it, but no longer than `seconds`."""
        # AttributeError: cyclonedds 11.0.1 looks for its time-out code in the wrong class.
        with suppress(DDSException, AttributeError):
            self._writer.wait_for_acks(duration(seconds=seconds))


class Participant:
    """One participant in the domain that the ROS environment variables name; readers call back from `spin`."""

    def __init__(self) -> None:
        number, config = domain_id(), cyclone_config()
        if config is not None and number not in _domains:
            _domains[number] = _opened(Domain, number, config)
        self._participant = _opened(DomainParticipant, number)
        self._waitset = WaitSet(self._participant)
        self._readers: list[tuple[DataReader[Any], ReadCondition, Callable[[Any], None]]] = []
        self.publications = Publications(self._participant)
        self.unreadable = 0  # messages that could not be decoded
        self.last_unreadable = ""

    def __enter__(self) -> Participant:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, condition, _ in self._readers:
            self._waitset.detach(condition)
        self._readers.clear()
        del self._waitset

    def writer(self, topic: str, kind: type, depth: int = 1, latched: bool = False) -> Writer:
        """`latched`: who comes late gets the last `depth` messages, where it asks for them (transient local)."""
        return Writer(self._participant, topic, kind, depth, latched)

    def reader(
        self,
        topic: str,
        kind: type,
        callback: Callable[[Any], None],
        depth: int = 10,
        reliable: bool = False,
        latched: bool = False,
        of_others: bool = False,
    ) -> None:
        """Best effort matches every writer; no deadline is requested, since few writers offer one.

        of_others: what this participant writes itself is not heard.
        """
        reliability = Policy.Reliability.Reliable(_BLOCKING) if reliable else Policy.Reliability.BestEffort
        durability = Policy.Durability.TransientLocal if latched else Policy.Durability.Volatile
        qos = _qos(reliability, durability, depth)
        own = Qos(*_type_hash(kind), *([Policy.IgnoreLocal.Participant] if of_others else []), base=qos)
        reader: DataReader[Any] = DataReader(self._participant, _topic(self._participant, topic, kind), qos=own)
        condition = ReadCondition(reader, _ANY)
        self._waitset.attach(condition)
        self._readers.append((reader, condition, callback))

    def spin(self, seconds: float) -> None:
        """Wait for messages, at most so long, and hand those that came to their callbacks."""
        self._waitset.wait(duration(seconds=max(0.0, seconds)))
        for reader, condition, callback in self._readers:
            for message in self._take(reader) if condition.triggered else ():
                if not isinstance(message, InvalidSample):  # says that a writer left
                    callback(message)

    def _take(self, reader: DataReader[Any]) -> Iterator[Any]:
        """What has come, one by one, for cyclonedds drops all that it takes together with bytes that it cannot decode: these
        are left out and counted, whoever sent them."""
        for _ in range(AT_ONCE):
            try:
                taken = reader.take(1)
            except DDSException:
                raise
            except Exception as error:  # it decodes with what Python raises: struct.error, UnicodeDecodeError, ...
                self.unreadable += 1
                self.last_unreadable = f"a message on {reader.topic.name} that cannot be read: {error!r:.200}"
                continue
            if not taken:
                return
            yield taken[0]


def _type_hash(kind: type) -> list[Any]:
    """What ROS 2 (Iron and later) looks for in the user data of writers and readers, and warns of where it is missing."""
    typehash = HASHES.get(ros_name(kind))
    return [Policy.Userdata(f"typehash={typehash};".encode())] if typehash else []


def _topic(participant: DomainParticipant, name: str, kind: type) -> Topic[Any]:
    with _creating:
        return Topic(participant, f"rt{name}", kind, qos=_representation())


def _representation() -> Qos:
    return Qos(Policy.DataRepresentation(use_cdrv0_representation=True, use_xcdrv2_representation=False))


def _qos(reliability: Any, durability: Any, depth: int) -> Qos:
    return Qos(reliability, durability, Policy.History.KeepLast(depth), base=_representation())
