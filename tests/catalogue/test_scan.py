"""Which files are found, each once, what is skipped and counted, and what a run then has to do."""

import os
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

import pytest
from catalogue.made import found

from crossmodal.catalogue import FileState, PassedOver, Place, scan_folders
from crossmodal.catalogue.candidates import judge_head, judge_name
from crossmodal.catalogue.plan import MovedFiles, make_plan


def touch(path: Path, data: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def names(scan) -> list[str]:
    return [Path(os.fsdecode(path)).name for path in scan.files]


def place(path: Path | str, key: int = 1, track: int = 1, **values: object) -> Place:
    raw, path = os.fsencode(path), Path(path)
    state = FileState.of(path.stat()) if path.exists() else found(raw).state
    return Place(**{"id": key, "track_id": track, "path": raw, "state": state, "present": True, "tags": {}, **values})


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("a.mp3", "candidate"),
        ("A.FLAC", "candidate"),
        (".38 Special.mp3", "candidate"),
        (".38 Special", None),
        ("no suffix", None),
        ("._song.mp3", "AppleDouble"),
        ("song.mp3.part", "part file"),
        ("song.mp3.CRDOWNLOAD", "part file"),
        (".song.mp3.a8Xz1q", "part file"),
        ("cover.jpg", None),
    ],
)
def test_a_name_says_what_it_can(name, verdict):
    assert judge_name(name.encode()) == verdict


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg", "opus", "m4a"])
def test_first_bytes_of_every_kind_we_write_are_known(tmp_path, suffix):
    from crossmodal.demo import make_track

    assert judge_head(make_track(tmp_path / f"a.{suffix}", seconds=0.3).read_bytes()[:400]) == "candidate"


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "ts", "webm", "gif"])
def test_first_bytes_of_every_film_we_write_are_known(tmp_path, suffix):
    from crossmodal.demo import make_clip

    assert judge_head(make_clip(tmp_path / f"a.{suffix}", seconds=0.3).read_bytes()[:400]) == "candidate"


@pytest.mark.parametrize(
    "head",
    [b"", b"\xff\xfeh\x00i\x00", b"\xff\xd8\xff\xe0 jpeg", b"\x89PNG\r\n", b"%PDF-1.7", b"#EXTM3U\n", b"RIFF....WEBP"],
)
def test_first_bytes_of_other_files_are_not_media(head):
    assert judge_head(head) == "not media"


def test_what_is_skipped_is_counted_by_reason(tmp_path):
    for name in ["a.mp3", "._a.mp3", "b.mp3.part", "notes.txt", "@eaDir/x.mp3", "#recycle/y.mp3", ".Trash-1000/z.mp3"]:
        touch(tmp_path / name)
    touch(tmp_path / "$RECYCLE.BIN" / "q.mp3")
    touch(tmp_path / ".hidden album" / "kept.mp3")
    scan = scan_folders([tmp_path])
    assert sorted(names(scan)) == ["a.mp3", "kept.mp3"] and scan.trouble == []
    assert scan.skipped == {"AppleDouble (._*)": 1, "part files": 1, "not media": 1, "in recycle bins and snapshots": 4}


def test_a_folder_that_a_link_leads_to_is_read_once_and_a_ring_ends(tmp_path):
    touch(tmp_path / "album" / "a.mp3")
    (tmp_path / "album" / "up").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "album")
    outside = touch(tmp_path.parent / "outside" / "b.mp3").parent
    (tmp_path / "linked").symlink_to(outside)
    (tmp_path / "ring").symlink_to(tmp_path / "ring")
    scan = scan_folders([tmp_path])
    assert list(scan.files) == [os.fsencode(tmp_path / "album" / "a.mp3"), os.fsencode(tmp_path / "linked" / "b.mp3")]
    ((trouble, words),) = scan.trouble
    assert trouble == os.fsencode(tmp_path / "ring") and words.startswith("cannot be read")


def test_a_root_inside_another_root_is_no_second_reading(tmp_path):
    touch(tmp_path / "in" / "a.mp3")
    scan = scan_folders([tmp_path, tmp_path / "in"])
    assert len(scan.files) == 1 and scan.trouble == [] and len(scan.roots) == 2


def test_missing_and_empty_roots_are_trouble_and_no_roots(tmp_path):
    (tmp_path / "empty").mkdir()
    scan = scan_folders([tmp_path / "empty", tmp_path / "gone"])
    assert scan.roots == [] and len(scan.trouble) == 2
    assert not scan.covers(os.fsencode(tmp_path / "empty" / "a.mp3"))


def test_a_name_that_is_not_utf8_is_found(tmp_path):
    path = os.fsencode(tmp_path) + b"/\xe9.mp3"
    Path(os.fsdecode(path)).write_bytes(b"x")
    assert list(scan_folders([tmp_path]).files) == [path]


def test_unchanged_changed_new_and_gone_are_told_apart(tmp_path):
    same, changed, new = (touch(tmp_path / name) for name in ("same.mp3", "changed.mp3", "new.mp3"))
    known = [place(same, 1), place(changed, 2), place(tmp_path / "gone.mp3", 3), place("/elsewhere/x.mp3", 4)]
    os.utime(changed, ns=(1, 2))
    plan = make_plan(scan_folders([tmp_path]), known, [])
    assert sorted(plan.read) == sorted([os.fsencode(changed), os.fsencode(new)])
    assert plan.unchanged == 1 and [p.id for p in plan.gone] == [3]


@pytest.mark.parametrize("part", ["size", "mtime_ns", "ctime_ns", "inode"])
def test_any_of_the_four_marks_is_a_change(tmp_path, part):
    path = touch(tmp_path / "a.mp3")
    before = place(path)
    state = before.state._replace(**{part: getattr(before.state, part) + 1})
    plan = make_plan(scan_folders([tmp_path]), [place(path, state=state)], [])
    assert plan.read == [os.fsencode(path)] and plan.unchanged == 0


def test_a_failure_waits_until_its_file_changes(tmp_path):
    path = touch(tmp_path / "broken.mp3")
    bad = PassedOver(os.fsencode(path), FileState.of(path.stat()), "corrupt", "is broken")
    assert make_plan(scan_folders([tmp_path]), [], [bad]).still_bad == [bad]
    path.write_bytes(b"mended")
    assert make_plan(scan_folders([tmp_path]), [], [bad]).read == [os.fsencode(path)]


def test_what_lies_in_an_unreadable_folder_is_not_gone(tmp_path):
    touch(tmp_path / "a.mp3")
    scan = scan_folders([tmp_path])
    scan.blind.append(os.fsencode(tmp_path / "closed"))
    gone = [place(tmp_path / "closed" / "b.mp3", 1), place(tmp_path / "closed too.mp3", 2)]
    assert [p.id for p in make_plan(scan, gone, []).gone] == [2]


BLIND = """
import os, sys
from crossmodal.catalogue import scan_folders
if os.getuid() == 0:  # root reads every folder: become somebody who does not
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
folder = os.fsencode(sys.argv[1])
scan = scan_folders([sys.argv[1]])
print(len(scan.files), len(scan.trouble), scan.covers(folder + b"/closed/a.mp3"), scan.covers(folder + b"/gone.mp3"))
"""


@pytest.mark.skipif(os.name == "nt", reason="rights work otherwise there")
def test_an_unreadable_folder_is_blind():
    """What lies in it counts neither as found nor as gone."""
    with tempfile.TemporaryDirectory() as made:  # others may enter it, unlike pytest's folder
        folder = Path(made)
        folder.chmod(0o755)
        touch(folder / "b.mp3")
        closed = touch(folder / "closed" / "a.mp3").parent
        closed.chmod(0)
        try:
            done = subprocess.run([sys.executable, "-c", BLIND, made], capture_output=True, text=True)
        finally:
            closed.chmod(0o755)
    assert done.stdout.split() == ["1", "1", "False", "True"], done.stderr


def test_spelling_is_compared_to_recognise_a_move_and_never_to_merge():
    nfc, nfd = (unicodedata.normalize(form, "/m/Megtört Álom.mp3") for form in ("NFC", "NFD"))
    moved = MovedFiles([place("/m/else.mp3", 1), place(nfc, 2)])
    assert moved.take(1, os.fsencode(nfd), found("x").state).id == 2
    assert [p.id for p in moved.left()] == [1]


def test_two_spellings_side_by_side_are_two_files(tmp_path):
    for form in ("NFC", "NFD"):
        touch(tmp_path / unicodedata.normalize(form, "Álom.mp3"))
    if len(list(tmp_path.iterdir())) == 2:  # not on file systems that fold them
        assert len(scan_folders([tmp_path]).files) == 2


def test_what_may_have_been_moved_is_read_first(tmp_path):
    touch(tmp_path / "a new.mp3", b"12345")
    moved = touch(tmp_path / "z moved.mp3", b"123")
    gone = place(tmp_path / "old.mp3", state=FileState.of(moved.stat()))
    assert make_plan(scan_folders([tmp_path]), [gone], []).read[0] == os.fsencode(moved)
