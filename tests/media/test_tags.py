"""Tags are cleaned and capped, and never cost a file."""

import mutagen
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen.id3 import TBPM, TIT2, TPE1, TXXX

from crossmodal.media import open_audio, probe, read_tags
from crossmodal.media.tags import MAX_BYTES, clean


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".ogg", ".opus", ".m4a"])
def test_title_artist_album_and_genre_are_read_from_every_kind(tools, tmp_path, suffix):
    wanted = {"title": "Émile", "artist": "A & B", "album": "Third", "genre": "House"}
    sound = tools.click(0.5, 0.2).repeat(2, axis=0)
    tags = read_tags(tools.write_sound(tmp_path / f"sound{suffix}", sound, tags=wanted))
    assert {name: getattr(tags, name) for name in wanted} == wanted


def tagged_mp3(tools, tmp_path, *frames):
    path = tools.write_sound(tmp_path / "sound.mp3", tools.click(0.5, 0.2))
    tags = mutagen.File(path)
    if tags.tags is None:
        tags.add_tags()
    for frame in frames:
        tags.tags.add(frame)
    tags.save()
    return path


def test_a_licence_is_found(tools, tmp_path):
    path = tagged_mp3(tools, tmp_path, TXXX(encoding=3, desc="LICENSE", text=["CC BY 4.0"]))
    assert read_tags(path).licence == "CC BY 4.0"


def test_control_direction_and_zero_width_characters_are_removed(tools, tmp_path):
    title = "a\u202eb\u200bc\x07d\ne\u2066f\ufeffg"
    assert read_tags(tagged_mp3(tools, tmp_path, TIT2(encoding=3, text=[title]))).title == "abcd efg"


def test_a_field_is_cut_at_a_kilobyte(tools, tmp_path):
    title = read_tags(tagged_mp3(tools, tmp_path, TIT2(encoding=3, text=["é" * 100_000]))).title
    assert title == "é" * (MAX_BYTES // 2)


@pytest.mark.parametrize("tempo", ["1352", "NaN", "12 0", "-120", "", "inf", "0"])
def test_a_number_outside_its_range_is_dropped(tools, tmp_path, tempo):
    path = tagged_mp3(tools, tmp_path, TBPM(encoding=3, text=[tempo]), TPE1(encoding=3, text=["X"]))
    tags = read_tags(path)
    assert tags.bpm is None and tags.artist == "X"


def test_a_number_in_its_range_is_kept(tools, tmp_path):
    assert read_tags(tagged_mp3(tools, tmp_path, TBPM(encoding=3, text=["128"]))).bpm == 128.0


def test_one_foreign_byte_in_a_tag_does_not_cost_the_file(tools, tmp_path):
    path = tools.write_sound(tmp_path / "sound.flac", tools.click(0.5, 0.2), tags={"title": "Xmile"})
    data = path.read_bytes().replace(b"Xmile", b"\xe9mile")
    assert tools.all_samples(data)[0].shape[1] == pytest.approx(12_000, abs=2)
    assert probe(data).audio is not None


def test_a_tag_reader_that_fails_is_a_warning(tools, tmp_path):
    path = tools.write_sound(tmp_path / "sound.wav", tools.click(0.5, 0.2), options={"rf64": "always"})
    info = probe(path)
    assert info.tags.title is None and "its tags could not be read" in info.warnings
    with open_audio(path) as audio:
        assert sum(block.samples.shape[1] for block in audio.blocks()) == 12_000


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text())
def test_clean_text_is_one_short_printable_line(text):
    out = clean(text)
    assert len(out.encode()) <= MAX_BYTES and out == out.strip() and "  " not in out
    assert all(c.isprintable() for c in out)
    assert clean(out) == out
