"""Segments: every entry there and back, torn and damaged ends, full disks, sets and their owners."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracer.capture import entries
from tracer.capture.entries import Entry, RunEnded, RunStarted
from tracer.capture.journal import HEADER, JournalReader, JournalWriter
from tracer.capture.segments import SegmentSet, owner, segments, set_names
from tracer.errors import JournalError
from tracer.wire.exchange import Outcome
from tracer.wire.frames import Closed, Opened, RequestData, ResponseData, ResponseStarted

KEY = "0192f0e0c0ffee0192f0e0c0ffee0001"


def every_entry(key: str = KEY) -> list[Entry]:
    return [
        RunStarted(key=key, at_us=1, project="p", command=("python", "app.py"), tags={"k": "v"}),
        Opened(
            key=key, at_us=1_795_338_000_000_000, run="r", project=None, account="k:12", origin="https://h",
            method="POST", path="/v1/interactions", query=(("a", "b"), ("a", "")),
            headers=(("X-Odd", "bytes \udcff"), ("x", "ü")),
        ),
        RequestData(key=key, data=b'{"a":1}', wire_size=9),
        ResponseStarted(key=key, at_us=5, status=200, headers=(("content-type", "text/event-stream"),)),
        ResponseData(key=key, at_us=6, data=b"\x00\xff\r\n", wire_size=0),
        ResponseData(key=key, at_us=7, data=b"", wire_size=1 << 40),
        Closed(key=key, at_us=8, outcome=Outcome.CUT, error="reset", notes=("one", "two")),
        RunEnded(key=key, at_us=9, exit_code=-15),
    ]  # fmt: skip


def written(folder: Path, some: list[Entry], **options: Any) -> JournalWriter:
    writer = JournalWriter(folder, report=pytest.fail, **options)
    for entry in some:
        writer.append(entry)
    return writer


def only_segment(folder: Path) -> Path:
    (path,) = folder.glob("*.seg")
    return path


def test_every_entry_comes_back(tmp_path: Path) -> None:
    written(tmp_path, every_entry()).close()
    assert JournalReader(only_segment(tmp_path)).read() == every_entry()


def test_files_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "journal"
    written(folder, every_entry()).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_a_growing_segment_is_read_on(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, report=pytest.fail)
    reader = JournalReader(only_segment(tmp_path))
    assert reader.read() == []
    for entry in every_entry():
        writer.append(entry)
        assert reader.read() == [entry]
    assert reader.read() == []
    writer.close()


def test_an_end_torn_anywhere_keeps_what_was_whole(tmp_path: Path) -> None:
    some = every_entry()
    whole = HEADER + b"".join(map(entries.encode, some))
    ends = [len(HEADER)]
    for entry in some:
        ends.append(ends[-1] + len(entries.encode(entry)))
    path = tmp_path / "x.seg"
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        reader = JournalReader(path)
        assert reader.read() == some[: sum(end <= size for end in ends[1:])]
        assert not reader.damaged
        path.write_bytes(whole)
        assert reader.read() == some[sum(end <= size for end in ends[1:]) :]


def test_a_flipped_bit_ends_the_segment_and_is_told(tmp_path: Path) -> None:
    some = every_entry()
    data = bytearray(HEADER + b"".join(map(entries.encode, some)))
    data[len(HEADER) + len(entries.encode(some[0])) + 20] ^= 4
    path = tmp_path / "x.seg"
    path.write_bytes(data)
    reader = JournalReader(path)
    assert reader.read() == some[:1]
    assert reader.damaged


@given(st.binary(max_size=300))
def test_any_bytes_are_entries_or_an_end(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("segment") / "x.seg"
    path.write_bytes(HEADER + data)
    assert JournalReader(path).read() == []


def test_unknown_kinds_are_skipped(tmp_path: Path) -> None:
    first, last = every_entry()[0], every_entry()[-1]
    body = entries.HEAD.pack(200, bytes(16), 0) + b"of a later version"
    frame = entries.PREFIX.pack(len(body), zlib.crc32(body)) + body
    path = tmp_path / "x.seg"
    path.write_bytes(HEADER + entries.encode(first) + frame + entries.encode(last))
    assert JournalReader(path).read() == [first, last]


@pytest.mark.parametrize(
    ("head", "sentence"), [(b"SQLite format 3\x00", "is not a journal segment"), (HEADER[:-1] + b"\x63", "newer")]
)
def test_other_files_and_newer_formats_are_refused(tmp_path: Path, head: bytes, sentence: str) -> None:
    path = tmp_path / "x.seg"
    path.write_bytes(head + b"rest")
    with pytest.raises(JournalError, match=sentence):
        JournalReader(path).read()


def test_segments_change_when_they_are_full(tmp_path: Path) -> None:
    writer = written(tmp_path, every_entry(), segment_bytes=200)
    paths = segments(tmp_path, writer.name)
    assert len(paths) > 2
    assert [entry for path in paths for entry in JournalReader(path).read()] == every_entry()
    writer.close()


def test_a_full_disk_is_said_once_and_ends_the_exchange_in_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    writer = JournalWriter(tmp_path, report=said.append)
    other = "0192f0e0c0ffee0192f0e0c0ffee0002"
    first, second, third = every_entry()[1:4]
    writer.append(first)
    real = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:7]))
        writer.append(second)
        patched.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
        writer.append(RequestData(key=other, data=b"", wire_size=0))
    writer.append(third)
    late = every_entry(other)[-1]
    writer.append(RunEnded(key="f" * 32, at_us=9, exit_code=0))
    writer.append(late)
    assert JournalReader(only_segment(tmp_path)).read() == [first, RunEnded(key="f" * 32, at_us=9, exit_code=0)]
    assert len(said) == 1
    assert "No space left on device" in said[0]
    writer.append(Closed(key=KEY, at_us=8, outcome=Outcome.COMPLETE))
    writer.close()
    closed = JournalReader(only_segment(tmp_path)).read()[-1]
    assert isinstance(closed, Closed)
    assert closed.outcome is Outcome.INTERRUPTED
    assert "No space left on device" in closed.notes[-1]
    assert said[1:] == ["2 calls are missing or cut short: the journal could not be written"]


def test_no_segment_lacks_its_header_when_the_disk_fills_up_between_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, *_, last = every_entry()
    writer = JournalWriter(tmp_path, report=lambda _: None, segment_bytes=20)
    writer.append(first)
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
        writer.append(RunEnded(key="e" * 32, at_us=9, exit_code=0))
    writer.append(last)
    writer.close()
    read = [entry for path in segments(tmp_path, writer.name) for entry in JournalReader(path).read()]
    assert read == [first, last]


def test_after_its_files_were_deleted_it_goes_on_in_another_set(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    writer = written(folder, every_entry()[:1])
    name = writer.name
    assert writer.is_in_place
    shutil.rmtree(folder)
    assert not writer.is_in_place
    writer.begin_anew()
    writer.append(every_entry()[-1])
    assert set_names(folder) == [writer.name] != [name]
    assert JournalReader(only_segment(folder)).read() == every_entry()[-1:]
    writer.close()


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="can't be written"):
        JournalWriter(tmp_path / "file" / "journal", report=pytest.fail)


def test_a_set_has_one_owner(tmp_path: Path) -> None:
    writer = JournalWriter(tmp_path, report=pytest.fail)
    assert set_names(tmp_path) == [writer.name]
    assert owner(tmp_path, writer.name) == f"{os.getpid()} records"
    assert SegmentSet.take_over(tmp_path, writer.name) is None
    writer.close()
    owned = SegmentSet.take_over(tmp_path, writer.name)
    assert owned is not None
    assert owner(tmp_path, writer.name) == f"{os.getpid()} ingests"
    assert SegmentSet.take_over(tmp_path, writer.name) is None
    owned.delete()
    assert list(tmp_path.iterdir()) == []


def test_the_lock_ends_with_the_process(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib\nfrom tracer.capture.journal import JournalWriter\n"
        "writer = JournalWriter(pathlib.Path(sys.argv[1]), report=print)\nprint(writer.name, flush=True)\ninput()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert SegmentSet.take_over(tmp_path, name) is None
        process.kill()
    assert SegmentSet.take_over(tmp_path, name) is not None
