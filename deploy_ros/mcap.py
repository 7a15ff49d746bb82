"""MCAP files (mcap.dev/spec), as far as a recording needs: chunks without compression, with checksums and an index.

Read with the standard library alone: the mcap package brings two compressors that a robot needs for nothing else. What reads
goes through a file once, from its beginning, and holds one record at a time; it takes what `Writer` writes and little else.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ashore.configs.errors import AshoreError

MAGIC = b"\x89MCAP0\r\n"
LARGEST_RECORD = 64 * 2**20  # bytes; a chunk is closed long before
MOST_CHANNELS = 1024
HEADER, FOOTER, SCHEMA, CHANNEL, MESSAGE, CHUNK, MESSAGE_INDEX, CHUNK_INDEX = range(1, 9)
STATISTICS, METADATA, METADATA_INDEX, DATA_END = 0x0B, 0x0C, 0x0D, 0x0F


class RecordingError(AshoreError, ValueError):
    """A file that is no recording, or one that cannot be used; says which and why."""


class Message(NamedTuple):
    """One message of a channel."""

    topic: str
    schema: str  # sensor_msgs/msg/JointState
    sequence: int
    log_time: int  # ns since the epoch
    data: bytes


class Metadata(NamedTuple):
    """Named texts beside the messages."""

    name: str
    values: dict[str, str]


class Writer:
    """Writes messages in chunks, each of them whole on its own: what a crash leaves can be read up to the last one."""

    def __init__(self, file: BinaryIO, library: str) -> None:
        self._file, self._at = file, 0
        self._schemas: dict[str, int] = {}
        self._channels: list[int] = []  # messages of each, by id
        self._repeated = bytearray()  # schemas and channels, again at the end
        self._chunk = bytearray()
        self._index: dict[int, bytearray] = {}
        self._times: list[int] = []  # of the chunk: the first and the last
        self._chunks: list[tuple[int, int, bytes]] = []  # first and last time, and its index record
        self._metadata: list[bytes] = []  # their index records
        self._write(MAGIC)
        self._write(_record(HEADER, _text("ros2") + _text(library)))

    @property
    def pending(self) -> int:
        """Bytes that `flush` would write."""
        return len(self._chunk)

    def metadata(self, name: str, values: Mapping[str, str]) -> None:
        record = _record(METADATA, _text(name) + _texts(values))
        self._metadata.append(_record(METADATA_INDEX, struct.pack("<QQ", self._at, len(record)) + _text(name)))
        self._write(record)

    def channel(self, topic: str, schema: str, definition: str, about: Mapping[str, str]) -> int:
        """Begin a channel of CDR messages; gives its id. schema: sensor_msgs/msg/JointState; definition: its full text."""
        records = b""
        if schema not in self._schemas:
            self._schemas[schema] = len(self._schemas) + 1
            content = _text(schema) + _text("ros2msg") + _text(definition)
            records = _record(SCHEMA, struct.pack("<H", self._schemas[schema]) + content)
        channel = len(self._channels)
        self._channels.append(0)
        content = struct.pack("<HH", channel, self._schemas[schema]) + _text(topic) + _text("cdr") + _texts(about)
        records += _record(CHANNEL, content)
        self._chunk += records
        self._repeated += records
        return channel

    def message(self, channel: int, sequence: int, time: int, data: bytes) -> None:
        """Add a message; time: ns since the epoch."""
        self._index.setdefault(channel, bytearray()).extend(struct.pack("<QQ", time, len(self._chunk)))
        self._chunk += _record(MESSAGE, struct.pack("<HIQQ", channel, sequence & 0xFFFFFFFF, time, time) + data)
        self._channels[channel] += 1
        self._times = [min([time, *self._times[:1]]), max([time, *self._times[1:]])]

    def flush(self) -> None:
        """Close the chunk, and hand it to the operating system."""
        if not self._index:
            return
        begin, (first, last), data = self._at, self._times, bytes(self._chunk)
        head = struct.pack("<QQQI", first, last, len(data), zlib.crc32(data))
        chunk = _record(CHUNK, head + _text("") + struct.pack("<Q", len(data)) + data)
        self._write(chunk)
        places, indexes = self._at, b""
        offsets = b""
        for channel, entries in self._index.items():
            offsets += struct.pack("<HQ", channel, places + len(indexes))
            indexes += _record(MESSAGE_INDEX, struct.pack("<HI", channel, len(entries)) + entries)
        self._write(indexes)
        where = struct.pack("<QQQQ", first, last, begin, len(chunk)) + struct.pack("<I", len(offsets)) + offsets
        sizes = struct.pack("<Q", len(indexes)) + _text("") + struct.pack("<QQ", len(data), len(data))
        self._chunks.append((first, last, _record(CHUNK_INDEX, where + sizes)))
        self._chunk, self._index, self._times = bytearray(), {}, []
        self._file.flush()

    def finish(self) -> None:
        """Write what is left, and the summary that tools find their way by."""
        self.flush()
        self._write(_record(DATA_END, struct.pack("<I", 0)))
        summary = self._at
        counts = b"".join(struct.pack("<HQ", channel, count) for channel, count in enumerate(self._channels))
        times = [min((c[0] for c in self._chunks), default=0), max((c[1] for c in self._chunks), default=0)]
        sizes = (len(self._schemas), len(self._channels), 0, len(self._metadata), len(self._chunks), *times)
        statistics = struct.pack("<QHIIIIQQ", sum(self._channels), *sizes) + struct.pack("<I", len(counts)) + counts
        self._write(bytes(self._repeated) + _record(STATISTICS, statistics))
        self._write(b"".join(index for *_, index in self._chunks) + b"".join(self._metadata))
        self._write(_record(FOOTER, struct.pack("<QQI", summary, 0, 0)) + MAGIC)
        self._file.flush()

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._at += len(data)


class Reader:
    """Metadata and messages of a file, in its order. `whole` says afterwards whether it had an end."""

    def __init__(self, path: Path) -> None:
        self.path, self.whole = path, False
        self._schemas: dict[int, str] = {}
        self._channels: dict[int, tuple[str, str]] = {}  # topic and schema

    def __iter__(self) -> Iterator[Message | Metadata]:
        """Raises RecordingError where the file is none, or damaged. One that is cut off ends with its last whole chunk."""
        try:
            with self.path.open("rb") as file:
                if file.read(len(MAGIC)) != MAGIC:
                    raise RecordingError(f"{self.path}: no MCAP file")
                for kind, content in self._records(file):
                    if kind == DATA_END:
                        self.whole = True
                        return
                    yield from self._of_record(kind, content)
        except OSError as error:
            raise RecordingError(f"{self.path}: {error.strerror}") from None
        except (struct.error, UnicodeDecodeError, KeyError) as error:
            raise self._damaged(f"a record that makes no sense ({error})") from None

    def _records(self, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Kind and content of each record, up to the end or to where the file is cut off."""
        while len(head := file.read(9)) == 9:
            kind, size = struct.unpack("<BQ", head)
            if size > LARGEST_RECORD:
                raise self._damaged(f"a record of {size} bytes; allowed: {LARGEST_RECORD}")
            content = file.read(size)
            if len(content) < size:
                return
            yield kind, content

    def _of_record(self, kind: int, content: bytes) -> Iterator[Message | Metadata]:
        if kind == CHUNK:
            yield from self._of_chunk(content)
        elif kind == METADATA:
            name, at = _read_text(content, 0)
            yield Metadata(name, _read_texts(content, at))
        elif kind == SCHEMA:
            name, _ = _read_text(content, 2)
            self._schemas[struct.unpack_from("<H", content)[0]] = name
        elif kind == CHANNEL:
            channel, schema = struct.unpack_from("<HH", content)
            topic, _ = _read_text(content, 4)
            self._channels[channel] = topic, self._schemas[schema]
            if max(len(self._channels), len(self._schemas)) > MOST_CHANNELS:
                raise self._damaged(f"more than {MOST_CHANNELS} channels")
        elif kind == MESSAGE:
            channel, sequence, time, _ = struct.unpack_from("<HIQQ", content)
            yield Message(*self._channels[channel], sequence, time, content[22:])

    def _of_chunk(self, content: bytes) -> Iterator[Message | Metadata]:
        *_, size, checksum = struct.unpack_from("<QQQI", content)
        compression, at = _read_text(content, 28)
        if compression:
            raise RecordingError(f"{self.path}: compressed with {compression!r}; allowed: a file as it was recorded")
        (stored,) = struct.unpack_from("<Q", content, at)
        data = content[at + 8 :]
        if not len(data) == size == stored or zlib.crc32(data) != checksum:
            raise self._damaged("a chunk's checksum is wrong")
        at = 0
        while at < len(data):
            kind, size = struct.unpack_from("<BQ", data, at)
            if kind == CHUNK or size > len(data) - at - 9:
                raise self._damaged("a record that does not fit into its chunk")
            yield from self._of_record(kind, data[at + 9 : at + 9 + size])
            at += 9 + size

    def _damaged(self, why: str) -> RecordingError:
        return RecordingError(f"{self.path}: damaged: {why}")


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack("<BQ", kind, len(content)) + content


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<I", len(data)) + data


def _texts(values: Mapping[str, str]) -> bytes:
    data = b"".join(_text(key) + _text(value) for key, value in values.items())
    return struct.pack("<I", len(data)) + data


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    """A text, and where it ends."""
    (size,) = struct.unpack_from("<I", data, at)
    end = at + 4 + size
    if end > len(data):
        raise struct.error("a text beyond its record")
    return data[at + 4 : end].decode(), end


def _read_texts(data: bytes, at: int) -> dict[str, str]:
    (size,) = struct.unpack_from("<I", data, at)
    at, end, values = at + 4, at + 4 + size, {}
    while at < end:
        key, at = _read_text(data, at)
        values[key], at = _read_text(data, at)
    return values
