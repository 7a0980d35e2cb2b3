from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tracer.cassettes import files
from tracer.cassettes.recorded import admitted, merged
from tracer.cassettes.scrub import refuse_secrets
from tracer.errors import CassetteError
from tracer.testing import answer, exchange
from tracer.wire.exchange import Exchange, Outcome

ASKED = {"model": "gemini-3.5-flash", "input": "Hi"}


def create(at_us: int, text: str = "Hi", status: int | None = 200) -> Exchange:
    return exchange({**ASKED, "input": text}, answer(f"v1_{at_us}"), at_us=at_us, status=status)


def starts(exchanges: list[Exchange]) -> list[int]:
    return [one.started_at_us for one in exchanges]


def test_update_adds_to_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "chat.yaml"
    assert files.load(path) == []
    files.update(path, lambda old: [*old, create(1)])
    files.update(path, lambda old: [*old, create(2)])
    assert starts(files.load(path)) == [1, 2]
    assert [file.name for file in path.parent.iterdir()] == ["chat.yaml"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o600 == 0o600


def test_failure_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "chat.yaml"
    files.update(path, lambda _: [create(1)])
    before = path.read_bytes()

    def crash(_: Path, __: Path) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "replace", crash)
    with pytest.raises(CassetteError, match=r"chat.yaml can't be written: no space left"):
        files.update(path, lambda old: [*old, create(2)])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_damaged_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "chat.yaml"
    for content in (b"version: 1\ninteractions: [", b"\xff\xfe\x00"):
        path.write_bytes(content)
        with pytest.raises(CassetteError, match=r"chat\.yaml .*record it again"):
            files.update(path, lambda _: [create(1)])
        assert path.read_bytes() == content


def test_folder_in_the_way_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CassetteError, match="can't be read"):
        files.load(tmp_path)


def test_writers_wait_for_each_other(tmp_path: Path) -> None:
    path = tmp_path / "chat.yaml"
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from tracer.cassettes import files\nfrom tracer.testing import exchange\n"
        "for n in range(5):\n"
        "    one = exchange({'input': sys.argv[2]}, {}, at_us=n + 10 * int(sys.argv[2]))\n"
        "    files.update(Path(sys.argv[1]), lambda old: [*old, one])\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", code, str(path), str(n)]) for n in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert sorted(starts(files.load(path))) == [n + 10 * writer for writer in range(3) for n in range(5)]


def test_known_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chat.yaml"
    secret = "pa/ss phrase+1"
    spellings = [secret, "pa%2Fss%20phrase%2B1"]
    for spelling in spellings:
        with pytest.raises(CassetteError, match=r"would hold the key that ends in 'se\+1'"):
            files.update(path, lambda _, text=spelling: [create(1, f"my {text}")], secrets=[secret])
    assert not path.exists()
    binary = exchange(ASKED, b"\xff" + secret.encode())
    with pytest.raises(CassetteError):
        refuse_secrets("", [binary], [secret], "chat.yaml")
    files.update(path, lambda _: [create(1, "my word")], secrets=["word", "", "another-key"])
    assert path.exists()


def test_errors_are_admitted_only_when_made_good_or_asked_for() -> None:
    busy, good, other = create(1, status=503), create(2), create(3, "Ho", status=429)
    assert starts(admitted([good, busy], errors=False, name="x")) == [1, 2]
    with pytest.raises(CassetteError, match="x was not written: the service answered 429 to POST /v1/interactions"):
        admitted([busy, good, other], errors=False, name="x")
    with pytest.raises(CassetteError, match="answered 400"):
        admitted([create(1, status=400), create(2)], errors=False, name="x")
    with pytest.raises(CassetteError, match="answered 503"):
        admitted([create(1), create(2, status=503)], errors=False, name="x")
    assert starts(admitted([other, busy], errors=True, name="x")) == [1, 3]
    failed = exchange(ASKED, status=None, outcome=Outcome.FAILED)
    assert admitted([failed], errors=False, name="x") == []


def test_new_recordings_replace_those_of_the_same_request() -> None:
    old = [create(1), create(2, "Ho"), create(3)]
    new = [create(5), create(6, "Hu")]
    assert starts(merged(old, new, replace=True)) == [2, 5, 6]
    assert starts(merged(old, new, replace=False)) == [1, 2, 3, 5, 6]
    assert starts(merged(old, old[:1], replace=False)) == [2, 3, 1]
