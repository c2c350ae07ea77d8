"""The queue on disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kernel.errors import Unavailable
from services.sdk.spool import Spool


def numbered(first: int, last: int) -> list[bytes]:
    return [b"record %d" % number for number in range(first, last)]


def test_what_goes_in_comes_out_in_order_over_restarts_and_many_files(tmp_path: Path) -> None:
    """T7."""
    for start in range(0, 300, 50):
        spool = Spool(tmp_path, segment_bytes=400)
        spool.append(numbered(start, start + 25))
        spool.append(numbered(start + 25, start + 50))
        spool.close()
    spool = Spool(tmp_path, segment_bytes=400)
    assert len(spool) == 300
    found: list[bytes] = []
    while records := spool.peek(7)[0]:
        found += records
        spool.advance(spool.peek(7)[1], len(records))
    assert found == numbered(0, 300)
    assert len(spool) == 0
    assert len(list(tmp_path.glob("*.seg"))) <= 1
    spool.close()


def test_what_was_delivered_before_a_restart_is_not_delivered_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.append(numbered(0, 10))
    spool.advance(spool.peek(4)[1], 4)
    spool.close()
    spool = Spool(tmp_path)
    assert len(spool) == 6
    assert spool.peek(100)[0] == numbered(4, 10)
    spool.close()


@given(cut=st.integers(min_value=1, max_value=60))
@settings(max_examples=40, deadline=None)
def test_a_torn_tail_loses_the_torn_record_only_and_new_ones_follow(cut: int) -> None:
    """A crash in the middle of a write leaves any part of it."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        spool = Spool(folder)
        spool.append(numbered(0, 9))
        spool.close()
        segment = next(folder.glob("*.seg"))
        whole = segment.read_bytes()
        segment.write_bytes(whole[:-cut])
        spool = Spool(folder)
        kept = len(spool)
        spool.append([b"after"])
        assert spool.peek(100)[0] == [*numbered(0, kept), b"after"]
        assert kept == (len(whole) - cut) // (len(whole) // 9)
        spool.close()


def test_a_flipped_bit_does_not_bring_a_wrong_record_and_later_files_are_read(tmp_path: Path) -> None:
    spool = Spool(tmp_path, segment_bytes=100)
    for number in range(20):
        spool.append(numbered(number, number + 1))
    spool.close()
    first = sorted(tmp_path.glob("*.seg"))[0]
    content = bytearray(first.read_bytes())
    content[30] ^= 1
    first.write_bytes(content)
    spool = Spool(tmp_path, segment_bytes=100)
    found = spool.peek(100)[0]
    assert set(found) < set(numbered(0, 20))
    assert found[-1] == b"record 19"
    assert spool.damaged > 0
    spool.close()


def test_a_full_spool_refuses_instead_of_filling_the_disk(tmp_path: Path) -> None:
    spool = Spool(tmp_path, most_bytes=100)
    spool.append([b"x" * 80])
    with pytest.raises(Unavailable, match="full"):
        spool.append([b"y" * 80])
    assert spool.peek(10)[0] == [b"x" * 80]
    spool.close()


def test_two_processes_cannot_share_a_folder(tmp_path: Path) -> None:
    held = Spool(tmp_path)
    with pytest.raises(Unavailable, match="Another process"):
        Spool(tmp_path)
    held.close()
    Spool(tmp_path).close()
