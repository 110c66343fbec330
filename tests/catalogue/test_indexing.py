"""The index job on real files: new, changed, moved, retagged, gone, broken; a second run does nothing."""

import os
import shutil
import threading
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from catalogue.made import RATE, song

from crossmodal.catalogue import Catalogue, index_folders, open_index
from crossmodal.demo import make_clip, make_track
from crossmodal.demo.containers import write_media
from crossmodal.features import FeatureStore


def counts(report) -> dict[str, int]:
    names = ("added", "updated", "moved", "retagged", "copies", "reembedded", "unchanged", "not_seen", "removed")
    return {name: value for name in names if (value := getattr(report, name))}


def titles(catalogue) -> list[str]:
    return sorted(track.title for track in catalogue.tracks())


def test_a_folder_is_indexed_once_and_then_left_alone(indexed, catalogue, music, model):
    first = indexed(music)
    assert (
        counts(first) == {"added": 3} and first.unreadable == [] and first.audio_seconds == pytest.approx(12, abs=0.3)
    )
    assert titles(catalogue) == ["Title 0", "Title 1", "Title 2"]
    track = catalogue.tracks()[0]
    assert track.artist == "Nobody" and -40 < track.loudness_lufs < 0 and track.peak_dbfs <= 0.1
    before = catalogue.generation()
    assert counts(indexed(music)) == {"unchanged": 3} and catalogue.generation() == before
    table, index = catalogue.embeddings(model.fingerprint), open_index(catalogue, model.fingerprint)
    assert index.ids().tolist() == table.ids.tolist() and len(table.ids) == 3


def test_what_is_stored_is_what_the_model_makes_of_the_file(indexed, catalogue, music, model):
    indexed(music)
    for track in catalogue.tracks():
        made = model.embed_audio(track.path)
        (vector,) = catalogue.embeddings(model.fingerprint).vectors[[track.id - 1]]
        np.testing.assert_array_equal(vector, made.vector)


def test_a_moved_file_keeps_its_track(indexed, catalogue, music):
    indexed(music)
    before = {track.title: track.id for track in catalogue.tracks()}
    (music / "deeper").mkdir()
    (music / "two.mp3").rename(music / "deeper" / "other name.mp3")
    assert counts(indexed(music)) == {"moved": 1, "unchanged": 2}
    assert {track.title: track.id for track in catalogue.tracks()} == before
    assert len(catalogue.places()) == 3


def test_a_file_that_comes_back_in_another_spelling_was_moved(indexed, catalogue, music):
    nfc, nfd = (music / unicodedata.normalize(form, "Álom.mp3") for form in ("NFC", "NFD"))
    (music / "two.mp3").rename(nfc)
    indexed(music)
    nfc.rename(nfd)
    assert counts(indexed(music)) == {"moved": 1, "unchanged": 2} and len(catalogue.tracks()) == 3


def test_a_retagged_file_is_read_once_and_not_embedded_again(indexed, catalogue, music):
    import mutagen

    indexed(music)
    with FeatureStore(catalogue.features_path) as store:
        assert store.get(catalogue.tracks()[0].content_hash, "audio", "curves-audio-1") is not None
    catalogue.features_path.unlink()  # whoever decodes again makes it again
    file = mutagen.File(music / "one.flac")
    file["title"] = "Another"
    file.save()
    assert counts(indexed(music)) == {"retagged": 1, "unchanged": 2}
    assert "Another" in titles(catalogue) and len(catalogue.tracks()) == 3
    with FeatureStore(catalogue.features_path) as store:
        assert store.get(catalogue.tracks()[0].content_hash, "audio", "curves-audio-1") is None
    assert counts(indexed(music)) == {"unchanged": 3}


def test_a_changed_file_is_another_track_at_the_same_place(indexed, catalogue, music):
    indexed(music)
    make_track(music / "one.flac", seconds=3.5, seed=9)
    assert counts(indexed(music)) == {"updated": 1, "unchanged": 2}
    assert sorted(track.id for track in catalogue.tracks()) == [2, 3, 4] and len(catalogue.tracks(present=False)) == 4


def test_a_copy_is_another_place_and_not_another_track(indexed, catalogue, music):
    indexed(music)
    shutil.copy(music / "one.flac", music / "copy.flac")
    report = indexed(music)
    assert counts(report) == {"copies": 1, "unchanged": 3} and len(catalogue.tracks()) == 3
    assert report.duplicates == [(music / "copy.flac", music / "one.flac")]


def test_a_recording_whose_file_went_away_is_no_duplicate_of_its_new_form(indexed, catalogue, music):
    make_track(music / "old.flac", seconds=12.0, seed=4)
    indexed(music)
    make_track(music / "new.ogg", seconds=12.0, seed=4)
    assert indexed(music).duplicates == [(music / "new.ogg", music / "old.flac")]
    (music / "old.flac").unlink()
    (music / "new.ogg").unlink()
    make_track(music / "newer.mp3", seconds=12.0, seed=4)
    report = indexed(music)
    assert counts(report) == {"added": 1, "unchanged": 3, "not_seen": 2} and report.duplicates == []
    assert len({track.recording_id for track in catalogue.tracks(present=False)}) == 4


def test_a_missing_file_stays_out_of_results_until_it_is_back_or_pruned(indexed, catalogue, music, tmp_path, model):
    indexed(music)
    (music / "one.flac").rename(tmp_path / "aside.flac")
    assert counts(indexed(music)) == {"unchanged": 2, "not_seen": 1}
    assert len(catalogue.embeddings(model.fingerprint).ids) == 2 and len(catalogue.tracks(present=False)) == 3
    (tmp_path / "aside.flac").rename(music / "one.flac")
    assert "added" not in counts(indexed(music)) and len(catalogue.tracks()) == 3
    (music / "one.flac").unlink()
    assert counts(indexed(music, prune=True)) == {"unchanged": 2, "removed": 1}
    assert len(catalogue.tracks(present=False)) == 2


@pytest.mark.parametrize("trouble", ["missing", "empty"])
def test_a_sleeping_disk_removes_nothing_even_with_prune(indexed, catalogue, music, trouble):
    indexed(music)
    shutil.rmtree(music)
    if trouble == "empty":
        music.mkdir()
    report = indexed(music, prune=True)
    assert counts(report) == {} and len(report.unreadable) == 1 and len(catalogue.tracks()) == 3


def test_a_root_that_was_not_named_is_left_alone(indexed, catalogue, music, tmp_path):
    other = tmp_path / "other"
    make_track(other.mkdir() or other / "a.wav", seconds=3.0, seed=5)
    indexed(music, other)
    shutil.rmtree(other)
    assert counts(indexed(music, prune=True)) == {"unchanged": 3} and len(catalogue.tracks()) == 4


def test_broken_files_are_listed_and_tried_again_when_they_change(indexed, catalogue, music):
    (music / "broken.mp3").write_bytes(b"ID3" + bytes(300))
    (music / "empty.mp3").touch()
    first, second = indexed(music), indexed(music)
    assert {path.name for path, _ in first.unreadable} == {"broken.mp3", "empty.mp3"}
    assert sorted(second.unreadable) == sorted(first.unreadable) and counts(second) == {"unchanged": 3}
    make_track(music / "empty.mp3", seconds=3.0, seed=7)
    assert counts(indexed(music)) == {"added": 1, "unchanged": 3}


def test_a_file_that_breaks_later_leaves_the_results(indexed, catalogue, music):
    indexed(music)
    (music / "one.flac").write_bytes(b"fLaC broken")
    report = indexed(music)
    assert counts(report) == {"unchanged": 2} and len(report.unreadable) == 1 and len(catalogue.tracks()) == 2


def test_a_file_that_changes_while_it_is_read_waits_for_the_next_run(indexed, catalogue, music):
    """Another thread touches it again and again, as a copy that still runs does."""
    is_read = threading.Event()

    def keep_touching() -> None:
        while not is_read.wait(0.002):
            os.utime(music / "three.ogg")

    writer = threading.Thread(target=keep_touching)
    writer.start()
    try:
        report = indexed(music)
    finally:
        is_read.set()
        writer.join()
    assert counts(report) == {"added": 2} and sum(report.skipped.values()) == 1
    assert counts(indexed(music)) == {"added": 1, "unchanged": 2}


def test_films_are_left_out_and_counted_unless_their_sound_is_wanted(indexed, catalogue, music):
    make_clip(music / "film.mp4", seconds=3.0, sound=True)
    report = indexed(music)
    assert counts(report) == {"added": 3} and report.skipped == {"videos (see --with-video-sound)": 1}
    again = indexed(music)
    assert again.skipped == report.skipped
    assert counts(indexed(music, with_video_sound=True)) == {"added": 1, "unchanged": 3}


def test_clips_are_indexed_as_video(indexed, catalogue, music):
    make_clip(music / "film.mp4", seconds=2.0)
    report = indexed(music, as_side="video")
    assert counts(report) == {"added": 1} and report.skipped == {"music among clips": 3}
    (clip,) = catalogue.tracks("video")
    assert clip.title == "film" and clip.duration == pytest.approx(2.0, abs=0.1) and catalogue.tracks() == []


def test_without_tags_a_track_is_called_as_its_file(indexed, catalogue, music):
    indexed(music, tags=False)
    assert titles(catalogue) == ["one", "three", "two"]


def test_tags_that_a_run_left_out_are_read_by_the_next_one(indexed, catalogue, music):
    indexed(music, tags=False)
    assert counts(indexed(music, tags=False)) == {"unchanged": 3}
    assert counts(indexed(music)) == {"retagged": 3}
    assert titles(catalogue) == ["Title 0", "Title 1", "Title 2"]
    assert counts(indexed(music)) == {"unchanged": 3}


def test_fingerprints_of_older_curves_are_drawn_again(indexed, catalogue, music, model, other_model):
    """A new version of the encoder comes with another model; copies must still be recognised after it."""
    indexed(music)
    encoder, ids = model.encoders["audio"].fingerprint, [track.id for track in catalogue.tracks()]
    for track in ids:
        acoustic, _, _ = catalogue.acoustic(track)
        catalogue.put_acoustic(track, acoustic._replace(encoder="curves-audio-0"))
    assert catalogue.acoustics(encoder) == []
    assert counts(indexed(music, model=other_model)) == {"reembedded": 3, "unchanged": 3}
    assert [row[0] for row in catalogue.acoustics(encoder)] == ids and catalogue.acoustics("curves-audio-0") == []


def test_another_model_embeds_again_without_decoding(indexed, catalogue, music, model, other_model):
    indexed(music)
    hidden = [track.path.rename(track.path.with_suffix(".away")) for track in catalogue.tracks()]
    seen: list[dict[str, int]] = []
    from crossmodal.catalogue import embed_missing

    report = embed_missing(catalogue, other_model, progress=lambda _: seen.append(catalogue.models()))
    assert counts(report) == {"reembedded": 3} and report.unreadable == [] and len(hidden) == 3
    assert all(moment[model.fingerprint] == 3 for moment in seen)  # the old vectors stay searchable meanwhile
    assert catalogue.models() == {model.fingerprint: 3, other_model.fingerprint: 3}


def test_the_library_can_be_searched_while_it_is_filled(indexed, catalogue, music, model):
    found: list[int] = []

    def search(moment) -> None:
        with Catalogue.open(catalogue.folder, read_only=True) as reader:
            index = open_index(reader, model.fingerprint)
            assert index.ids().tolist() == [s.track_id for s in reader.iter_sequences(model.fingerprint)]
            found.append(len(index))

    indexed(music, progress=search)
    assert found[0] == 0 and found[-1] == 3 and found == sorted(found)


def test_a_stopped_run_keeps_what_is_done_and_goes_on(catalogue, music, model):
    stop = threading.Event()
    report = index_folders(
        catalogue, [music], model, workers=1, stop=stop, progress=lambda moment: stop.set() if moment.done else None
    )
    assert report.stopped and catalogue.jobs()[0].state == "stopped"
    n_done = len(catalogue.tracks())
    assert 1 <= n_done < 3
    again = index_folders(catalogue, [music], model, workers=1)
    assert (again.added, again.unchanged) == (3 - n_done, n_done) and catalogue.jobs()[0].state == "done"


def test_names_that_are_not_utf8_are_indexed(indexed, catalogue, music):
    raw = os.fsencode(music) + b"/caf\xe9.flac"
    shutil.copy(music / "one.flac", os.fsdecode(raw))
    (music / "one.flac").unlink()
    assert counts(indexed(music)) == {"added": 3}
    assert raw in [place.path for place in catalogue.places()]


def test_the_same_recording_in_another_container_is_one_result_with_its_offset(indexed, catalogue, tmp_path):

    samples, folder = song(8.0, 3)[None].astype(np.float32), tmp_path / "same"
    folder.mkdir()
    late = np.concatenate([np.zeros((1, RATE // 40), np.float32), samples], 1)  # 25 ms, as an encoder may add
    write_media(folder / "a.flac", samples=samples, sample_rate=RATE)
    write_media(folder / "b.m4a", samples=samples, sample_rate=RATE)
    write_media(folder / "c.wav", samples=late, sample_rate=RATE)
    make_track(folder / "d.flac", seconds=8.0, seed=4)
    report = indexed(folder)
    assert counts(report) == {"added": 4} and len(report.duplicates) == 2
    first, second, third, other = catalogue.tracks()
    assert first.recording_id == second.recording_id == third.recording_id != other.recording_id
    assert third.recording_offset == pytest.approx(0.025, abs=0.013) and abs(second.recording_offset) <= 0.05
    assert {t.path.name for t in catalogue.recordings([first.recording_id])} == {"a.flac", "b.m4a", "c.wav"}


@pytest.mark.media
def test_the_planted_copies_are_found_and_nothing_else(catalogue, data_folder, model, tmp_path):
    """The two copies with their originals, and a few other files, of the fifty."""
    music = data_folder / "music"
    pairs = [
        ("Amoebax/Àlex Almarza - Menu.ogg", "Unsorted/track 07 (copy).mp3"),
        ("Enigma/skull_stones.ogg", "Unsorted/スカル・ストーンズ.opus"),
    ]
    others = ["Enigma/puzzle.ogg", "Amoebax/Training.wav", "Pingus/pingus 8.wav"]
    for name in [*(name for pair in pairs for name in pair), *others]:
        copy = tmp_path / "music" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.symlink_to(music / name)
    report = index_folders(catalogue, [tmp_path / "music"], model)
    same = {frozenset((path.name, other.name)) for path, other in report.duplicates}
    assert same == {frozenset(Path(name).name for name in pair) for pair in pairs}
    assert report.added == 7 and len({track.recording_id for track in catalogue.tracks()}) == 5
