"""`manifest from-folder`: what stands in folders becomes rows that lead back to the files."""

import json
import shutil
from pathlib import Path

import pytest

from crossmodal.errors import ManifestError
from crossmodal.manifest import read_rows, write_table
from training.manifests.folders import from_folder

from .conftest import Run

ODD = [
    "-i.mp4", " two  spaces .mp4", "a\nb.mp4", "🎬 clip.mp4", "~home.mp4", "$HOME.mp4", 'quo"te,comma.mp4', "C:\\x.mp4",
    "12:30 take.mp4", "=1+1.mp4", "null.mp4", b"caf\xe9.mp4".decode("utf-8", "surrogateescape"),
]  # fmt: skip


@pytest.mark.parametrize("form", ["m.jsonl", "m.csv"])
def test_odd_names_lead_back_to_their_files(media: Path, tmp_path: Path, form: str) -> None:
    films = tmp_path / "films"
    films.mkdir()
    for name in ODD:
        (films / name).symlink_to(media / "own.mp4")
    made = from_folder(films, base=tmp_path)
    assert not made.failed and not made.left_out and len({row["id"] for row in made.rows}) == len(ODD)
    write_table(tmp_path / form, made.columns, made.rows)
    rows = read_rows(tmp_path / form).rows
    assert {row.video for row in rows} == {films / name for name in ODD} and all(row.audio is None for row in rows)


def test_subfolders_give_split_and_group(media: Path, tmp_path: Path) -> None:
    for place in ("train/film a/x.mp4", "val/y.mp4", "film b/z.mp4"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(media / "own.mp4", tmp_path / place)
    rows = from_folder(tmp_path, base=tmp_path).rows
    assert [(row["id"], row["split"], row["group"]) for row in rows] == [
        ("film b/z", None, "film b"),
        ("train/film a/x", "train", "film a"),
        ("val/y", "val", None),
    ]


def test_what_gives_no_pair_is_listed_with_its_reason(media: Path, tmp_path: Path) -> None:
    made = from_folder(media, base=tmp_path)
    assert [row["id"] for row in made.rows] == ["own"]
    reasons = {path.name: reason for path, reason in made.left_out}
    assert reasons["clip-0.mp4"] == "has no sound" and reasons["track-0.wav"] == "has no picture"
    assert [path.name for path, _ in made.failed] == ["broken.mp4"]


def test_two_folders_are_matched_by_path_then_by_name(media: Path, tmp_path: Path) -> None:
    films, songs = tmp_path / "films", tmp_path / "songs"
    files = {
        films: ["a.mp4", "deep/b.mp4", "Cafe\u0301.mp4", "lonely.mp4", "twice.mp4"],
        songs: ["a.wav", "b.wav", "CAFÉ.wav", "other.wav", "twice.wav", "twice.aiff"],
    }
    for folder, names in files.items():
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(media / ("clip-0.mp4" if folder == films else "track-0.wav"), folder / name)
    made = from_folder(films, songs, base=tmp_path)
    assert {Path(row["video"]).name: row["audio"] for row in made.rows} == {
        "a.mp4": "songs/a.wav",
        "b.mp4": "songs/b.wav",
        "Cafe\u0301.mp4": "songs/CAFÉ.wav",
    }
    assert {path.name for path, _ in made.left_out} == {"lonely.mp4", "other.wav"}
    assert [path.name for path, _ in made.failed] == ["twice.mp4"] and "twice.aiff, twice.wav" in made.failed[0][1]


def test_one_music_may_belong_to_several_films(media: Path, tmp_path: Path) -> None:
    films, songs = tmp_path / "films", tmp_path / "songs"
    films.mkdir()
    songs.mkdir()
    for name in ("a.mp4", "a.mov"):
        shutil.copy(media / "clip-0.mp4", films / name)
    shutil.copy(media / "track-0.wav", songs / "a.wav")
    rows = from_folder(films, songs, base=tmp_path).rows
    assert [(row["id"], row["audio"]) for row in rows] == [("a.mov", "songs/a.wav"), ("a.mp4", "songs/a.wav")]


@pytest.mark.parametrize("name", ["missing", "empty", "file.mp4"])
def test_a_folder_that_holds_nothing_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.mp4").write_bytes(b"x")
    with pytest.raises(ManifestError) as caught:
        from_folder(tmp_path / name, base=tmp_path)
    assert name in str(caught.value) and "Name a folder" in str(caught.value)


def test_the_command_writes_relative_paths_from_wherever_the_manifest_stands(
    media: Path, tmp_path: Path, command: Run
) -> None:
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "deep")  # .. from here is not the folder that holds the link
    answer = command("manifest", "from-folder", media, "-o", "link/m.jsonl", "--json", folder=tmp_path)
    told = json.loads(answer.stdout)
    assert answer.returncode == 1 and told["rows"] == 1 and told["failed"][0]["path"].endswith("broken.mp4")
    (row,) = read_rows(tmp_path / "link" / "m.jsonl").rows
    cells = json.loads((tmp_path / "link" / "m.jsonl").read_text())
    assert row.video.samefile(media / "own.mp4") and cells["video"].startswith("../")
