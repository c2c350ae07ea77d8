"""A queue on disk for the time the broker is away (T7): append-only segments, synced, with checksums.

A record is its length and its CRC-32 (four bytes each, big-endian), then the bytes. A torn tail, as a power cut leaves
it, is cut off on opening. How far was delivered stands in the file `delivered`, replaced in one step.
"""

from __future__ import annotations

import fcntl
import os
import struct
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.kernel.errors import Unavailable

_HEAD = struct.Struct(">II")
_LONGEST = 1 << 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where the next record to deliver begins."""

    segment: int
    offset: int


class Spool:
    """First in, first out, over any number of restarts; one process at a time. Threads may share it.

    most_bytes bounds the folder, segment_bytes one file. Unavailable when another process holds the folder.
    """

    def __init__(self, folder: Path, *, most_bytes: int = 1 << 30, segment_bytes: int = 4 << 20) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._most = most_bytes
        self._segment_bytes = segment_bytes
        self._lock = threading.RLock()
        self._guard = (folder / "lock").open("w")
        try:
            fcntl.flock(self._guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._guard.close()
            raise Unavailable(f"Another process uses the spool {folder}; give each its own folder.") from None
        self._damage: dict[int, int] = {}
        self._delivered = self._read_delivered()
        self._mend_tail()
        self._waiting = self._count()

    def __len__(self) -> int:
        """Records that wait."""
        return self._waiting

    @property
    def damaged(self) -> int:
        """Bytes that could not be read back since opening: what a crash half wrote, or a broken disk."""
        return sum(self._damage.values())

    def append(self, records: Sequence[bytes]) -> None:
        """Stores the records durably, in order; Unavailable when the folder is full: then none is stored."""
        if not records:
            return
        if any(len(record) > _LONGEST for record in records):
            raise ValueError(f"a record has at most {_LONGEST} bytes")
        content = b"".join(_HEAD.pack(len(record), zlib.crc32(record)) + record for record in records)
        with self._lock:
            if self._size() + len(content) > self._most:
                raise Unavailable("The spool is full: the broker has been away too long; make room or raise its limit.")
            segments = self._segments()
            number = max(segments[-1] if segments else 0, self._delivered.segment)
            path = self._path(number)
            fresh = not path.exists()
            if not fresh and path.stat().st_size >= self._segment_bytes:
                path, fresh = self._path(number + 1), True
            start = 0 if fresh else path.stat().st_size
            try:
                _write(path, content, start)
            except OSError as error:
                raise Unavailable(f"The spool cannot be written ({error.strerror}); make room on its disk.") from None
            if fresh:
                _sync(self._folder)
            self._waiting += len(records)

    def peek(self, most: int) -> tuple[list[bytes], Place]:
        """Up to so many records from the front, and the place behind them for `advance`."""
        with self._lock:
            found: list[bytes] = []
            at = self._delivered
            for number in [one for one in self._segments() if one >= at.segment]:
                at = at if number == at.segment else Place(number, 0)
                content = self._path(number).read_bytes()
                while len(found) < most and (record := _record(content, at.offset)) is not None:
                    found.append(record)
                    at = Place(number, at.offset + _HEAD.size + len(record))
                if len(found) == most:
                    break
                if at.offset < len(content):
                    # Damage within a segment hides what follows in it; the segments behind it are whole.
                    self._damage[number] = len(content) - at.offset
                    at = Place(number, len(content))
            return found, at

    def advance(self, place: Place, delivered: int) -> None:
        """The records before the place are delivered; their files go."""
        with self._lock:
            temporary = self._folder / "delivered.new"
            _write(temporary, b"%d %d\n" % (place.segment, place.offset), 0)
            os.replace(temporary, self._folder / "delivered")
            _sync(self._folder)
            self._delivered = place
            self._waiting = max(0, self._waiting - delivered)
            for number in self._segments():
                if number < place.segment:
                    self._path(number).unlink()
            if not self._waiting and place.offset >= self._segment_bytes:
                self._path(place.segment).unlink(missing_ok=True)
                self.advance(Place(place.segment + 1, 0), 0)

    def close(self) -> None:
        """Lets go of the folder."""
        self._guard.close()

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}.seg"

    def _segments(self) -> list[int]:
        return sorted(int(file.stem) for file in self._folder.glob("*.seg"))

    def _size(self) -> int:
        return sum(self._path(number).stat().st_size for number in self._segments())

    def _read_delivered(self) -> Place:
        try:
            segment, offset = (self._folder / "delivered").read_text().split()
            return Place(int(segment), int(offset))
        except (FileNotFoundError, ValueError):
            # Delivering twice does no harm, the receipts know; not delivering would.
            return Place(0, 0)

    def _mend_tail(self) -> None:
        """Cuts off what a crash left half written at the very end."""
        segments = self._segments()
        if not segments:
            return
        path = self._path(segments[-1])
        content = path.read_bytes()
        at = 0
        while (record := _record(content, at)) is not None:
            at += _HEAD.size + len(record)
        if at < len(content):
            self._damage[segments[-1]] = len(content) - at
            with path.open("r+b") as file:
                file.truncate(at)
                os.fsync(file.fileno())

    def _count(self) -> int:
        total, kept = 0, self._delivered
        while True:
            found, place = self.peek(10_000)
            total += len(found)
            if len(found) < 10_000:
                self._delivered = kept
                return total
            self._delivered = place


def _record(content: bytes, at: int) -> bytes | None:
    """The record at an offset; None at the end or where it is damaged."""
    if at + _HEAD.size > len(content):
        return None
    length, checksum = _HEAD.unpack_from(content, at)
    record = content[at + _HEAD.size : at + _HEAD.size + length]
    return record if len(record) == length and zlib.crc32(record) == checksum else None


def _write(path: Path, content: bytes, start: int) -> None:
    with path.open("r+b" if path.exists() else "wb") as file:
        try:
            file.seek(start)
            file.truncate()
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            # Half a record at the end would hide those appended after it.
            file.truncate(start)
            raise


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
