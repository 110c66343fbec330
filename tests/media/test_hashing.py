"""A copy with other tags is the same content; a copy that a player shows or plays otherwise is not."""

from types import SimpleNamespace

import av
import mutagen
import numpy as np
import pytest
from mutagen.id3 import TIT2

from crossmodal.errors import MediaError
from crossmodal.media import content_hash


def retag(path, copy):
    copy.write_bytes(path.read_bytes())
    tags = mutagen.File(copy)
    if tags.tags is None:
        tags.add_tags()
    if copy.suffix in (".mp3", ".wav"):
        tags.tags.add(TIT2(encoding=3, text=["Another title " * 40]))
    else:
        tags["\xa9nam" if copy.suffix in (".m4a", ".mp4") else "title"] = ["Another title " * 40]
    tags.save()
    assert copy.read_bytes() != path.read_bytes()
    return copy


@pytest.mark.parametrize("suffix", [".mp3", ".flac", ".ogg", ".opus", ".m4a", ".wav"])
def test_a_retagged_copy_is_the_same_sound(tools, tmp_path, suffix):
    sound = np.repeat(tools.click(1.0, 0.5), 2, axis=0)
    path = tools.write_sound(tmp_path / f"sound{suffix}", sound, tags={"title": "One"})
    assert content_hash(retag(path, tmp_path / f"copy{suffix}"), "audio") == content_hash(path, "audio")


def test_a_retagged_copy_is_the_same_film(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mp4", n_frames=10, sound=tools.click(0.5, 0.2))
    copy = retag(film.path, tmp_path / "copy.mp4")
    for side in ("video", "audio"):
        assert content_hash(copy, side) == content_hash(film.path, side)


def test_a_cover_picture_changes_nothing(tools, tmp_path):
    from mutagen.id3 import APIC

    path = tools.write_sound(tmp_path / "sound.mp3", tools.click(1.0, 0.5))
    copy = tmp_path / "copy.mp3"
    copy.write_bytes(path.read_bytes())
    tags = mutagen.File(copy)
    tags.tags is None and tags.add_tags()
    picture = tmp_path / "cover.jpg"
    av.VideoFrame.from_ndarray(tools.paint(3), format="rgb24").save(str(picture))
    tags.tags.add(APIC(encoding=3, mime="image/jpeg", type=3, desc="", data=picture.read_bytes()))
    tags.save()
    assert content_hash(copy, "audio") == content_hash(path, "audio")


def test_sides_and_contents_differ_and_sources_do_not(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mp4", n_frames=10, sound=tools.click(0.5, 0.2))
    digest = content_hash(film.path, "video")
    assert len(digest) == 32 and int(digest, 16) >= 0
    assert content_hash(film.path.read_bytes(), "video") == digest != content_hash(film.path, "audio")
    other = tools.write_film(tmp_path / "other.mp4", n_frames=10, picture=lambda i: tools.paint(i + 1))
    assert content_hash(other.path, "video") != digest


def turned(stream) -> None:
    stream.set_display_rotation(90)


def anamorphic(stream) -> None:
    stream.sample_aspect_ratio = av.rational.AVRational(4, 3) if hasattr(av, "rational") else 4 / 3


@pytest.mark.parametrize("change", ["shorter", "slower", "turned", "anamorphic", "later"])
def test_a_trimmed_retimed_or_turned_copy_is_other_content(tools, tmp_path, change):
    base = tools.write_film(tmp_path / "film.mp4", n_frames=20)
    stamps = {
        "shorter": [i / 25 for i in range(19)],
        "slower": [i / 24 for i in range(20)],
        "later": [i / 25 + 0.2 * (i >= 10) for i in range(20)],
    }.get(change, base.stamps)
    prepare = {"turned": turned, "anamorphic": anamorphic}.get(change)
    other = tools.write_film(tmp_path / "other.mp4", stamps=stamps, prepare=prepare)
    again = tools.write_film(tmp_path / "again.mp4", n_frames=20)
    assert content_hash(again.path, "video") == content_hash(base.path, "video") != content_hash(other.path, "video")


def test_an_edit_list_is_content(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mp4", n_frames=60, options={"g": "20", "bf": "0"})
    cuts = [tmp_path / f"cut{i}.mp4" for i in range(2)]
    for cut, start in zip(cuts, ("1.0", "1.08"), strict=True):
        tools.run_ffmpeg("-ss", start, "-i", film.path, "-c", "copy", cut)
    assert content_hash(cuts[0], "video") != content_hash(cuts[1], "video")


def test_encoder_delay_is_content(tools, tmp_path):
    data = bytearray(tools.write_sound(tmp_path / "sound.mp3", tools.click(1.0, 0.5)).read_bytes())
    digest = content_hash(bytes(data), "audio")
    at = data.index(b"Lavc") if b"Lavc" in data[:2000] else data.index(b"LAME")
    data[at + 21] ^= 0x10  # the delay field of the LAME header, in samples
    assert content_hash(bytes(data), "audio") != digest


def test_what_holds_no_packet_has_no_hash(tools, tmp_path):
    path = tools.write_sound(tmp_path / "sound.wav", tools.click(1.0, 0.5))
    with pytest.raises(MediaError) as caught:
        content_hash(path, "video")
    assert caught.value.kind == "no_video"


def test_sound_that_starts_later_against_the_picture_is_other_content(tools, tmp_path):
    films = [
        tools.write_film(tmp_path / f"{start}.mkv", n_frames=20, sound=tools.click(0.5, 0.2), sound_start=start).path
        for start in (0.0, 0.2)
    ]
    assert content_hash(films[0], "video") == content_hash(films[1], "video")
    assert content_hash(films[0], "audio") != content_hash(films[1], "audio")


def test_padding_that_a_player_leaves_out_at_the_end_is_content(tools, tmp_path):
    data = bytearray(tools.write_sound(tmp_path / "sound.mp3", tools.click(1.0, 0.5)).read_bytes())
    digest = content_hash(bytes(data), "audio")
    at = data.index(b"Lavc") if b"Lavc" in data[:2000] else data.index(b"LAME")
    data[at + 23] ^= 0x20  # the low byte of the padding field of the LAME header, in samples
    assert content_hash(bytes(data), "audio") != digest


def xiph(headers: list[bytes], laced: bool) -> bytes:
    """Three headers as libavformat joins them: Xiph lacing, or two-byte lengths."""
    if not laced:
        return b"".join(len(h).to_bytes(2, "big") + h for h in headers)
    lengths = b"".join(b"\xff" * (len(h) // 255) + bytes([len(h) % 255]) for h in headers[:2])
    return b"\x02" + lengths + b"".join(headers)


@pytest.mark.parametrize("laced", [True, False])
@pytest.mark.parametrize(("codec", "length"), [("vorbis", 30), ("theora", 42)])
def test_the_comment_header_counts_for_nothing_and_the_others_count(laced, codec, length):
    from crossmodal.media.hashing import _without_comments

    first, setup = b"\x01" * length, b"setup" * 300
    bare = {_without_comments(codec, xiph([first, bytes([7]) * n, setup], laced))[-len(setup) :] for n in (9, 255, 900)}
    assert bare == {setup}
    kept = {_without_comments(codec, xiph([first, c, setup], laced)) for c in (b"One", b"Two")}
    assert len(kept) == 1
    assert _without_comments(codec, xiph([first, b"One", b"other"], laced)) not in kept
    assert _without_comments("h264", b"\x02abcdefgh") == b"\x02abcdefgh"


def test_each_part_of_a_packets_time_counts_by_itself():
    """In files they change together: a stamp that moves changes the length before it."""
    from crossmodal.media.hashing import _stamps

    values = {"pts": 40, "dts": 30, "duration": 10, "size": 7, "is_discard": False}
    whole = _stamps(SimpleNamespace(**values), 0.001, 0.0)
    for change in ({"pts": 41}, {"pts": None}, {"duration": 11}, {"duration": None}, {"size": 8}, {"is_discard": True}):
        assert _stamps(SimpleNamespace(**values | change), 0.001, 0.0) != whole, change
    assert _stamps(SimpleNamespace(**values | {"dts": 31}), 0.001, 0.0) == whole  # the order of decoding is no time
    assert _stamps(SimpleNamespace(**values | {"pts": 140}), 0.001, 0.1) == whole
    assert _stamps(SimpleNamespace(**values | {"pts": 20, "duration": 5}), 0.002, 0.0) == whole  # other ticks


def test_samples_that_the_container_says_to_skip_are_content(tools, tmp_path):
    """Matroska says it beside the last packet, whose bytes, stamp and length stay as they were."""
    path = tools.write_sound(tmp_path / "sound.wav", np.repeat(tools.click(1.003, 0.5), 2, axis=0))
    tools.run_ffmpeg("-i", path, "-c:a", "libopus", tmp_path / "sound.mka")
    data = bytearray((tmp_path / "sound.mka").read_bytes())
    digest, at = content_hash(bytes(data), "audio"), data.rindex(b"\x75\xa2")  # DiscardPadding
    data[at + 2 + (data[at + 2] & 0x0F) - 2] ^= 0x40  # nanoseconds, within the second of its bytes from the end
    assert content_hash(bytes(data), "audio") != digest
