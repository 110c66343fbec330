"""Only the opened bytes are read; what names others, or is no medium, is turned away with its kind and a remedy."""

import os
import struct

import numpy as np
import pytest

from crossmodal.errors import MediaError
from crossmodal.media import display_name, open_audio, open_video, probe
from crossmodal.media.atoms import read_movie


def kind_of(source) -> str:
    kinds = set()
    for opener in (open_video, open_audio, None):
        with pytest.raises(MediaError) as caught:
            if opener is None:
                probe(source)
            else:
                with opener(source):
                    pass
        assert "\n" not in str(caught.value) and str(caught.value).startswith(display_name(source))
        kinds.add(caught.value.kind)
    assert len(kinds) == 1
    return kinds.pop()


PNG = b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR" + struct.pack(">II", 30_000, 30_000) + bytes(30)
WEBP = b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8L" + bytes(20)
TURNED_AWAY = {
    "playlist": (b"#EXTM3U\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n", "refused"),
    "playlist with a mark": (b"\xef\xbb\xbf\n#EXTM3U\nx.mp4\n", "refused"),
    "concat": (b"ffconcat version 1.0\nfile /etc/hostname\n", "refused"),
    "sdp": (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n", "refused"),
    "dash": (b'<?xml version="1.0"?><MPD><BaseURL>x.mp4</BaseURL></MPD>', "refused"),
    "pls": (b"[playlist]\nFile1=x.mp3\n", "refused"),
    "text": (b"This is no film.\n" * 40, "not_media"),
    "page": (b"<!DOCTYPE html><html><body>404</body></html>", "not_media"),
    "paper": (b"%PDF-1.7\n" + bytes(range(256)), "not_media"),
    "archive": (b"PK\x03\x04" + bytes(100), "not_media"),
    "noise": (np.random.default_rng(4).bytes(5000), "not_media"),
    "one byte": (b"\x00", "not_media"),
    "nothing": (b"", "empty"),
    "tag alone": (b"ID3\x04\x00\x00\x00\x00\x00\x0a" + bytes(10), "empty"),
    "large gif": (b"GIF89a" + struct.pack("<HH", 16_000, 16_000) + bytes(20), "too_large"),
    "large png": (PNG, "unsupported"),
    "webp": (WEBP, "unsupported"),
    "cut mp4": (b"\x00\x00\x00\x18ftypisom" + bytes(12) + struct.pack(">I", 5000) + b"mdat" + bytes(900), "truncated"),
}


@pytest.mark.parametrize("name", TURNED_AWAY)
def test_what_is_no_medium_is_turned_away(name):
    data, kind = TURNED_AWAY[name]
    assert kind_of(data) == kind


def test_what_is_not_there_is_missing(tmp_path):
    assert kind_of(tmp_path / "absent.mp4") == kind_of(tmp_path) == "missing"
    assert kind_of(str(tmp_path / "zero\x00byte.mp4")) == "missing"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp4")
    assert kind_of(tmp_path / "pipe.mp4") == "refused"


def test_a_film_whose_data_lies_elsewhere_is_refused(tools, tmp_path):
    data = bytearray(tools.write_film(tmp_path / "film.mp4", n_frames=3).path.read_bytes())
    at = data.index(b"url \x00\x00\x00\x01")
    data[at + 7] = 0
    assert kind_of(bytes(data)) == "refused"


def test_an_encrypted_film_is_unsupported(tools, tmp_path):
    data = tools.write_film(tmp_path / "film.mp4", n_frames=3).path.read_bytes()
    assert kind_of(data.replace(b"avc1", b"encv")) == "unsupported"


@pytest.mark.parametrize("depth", [100, 5000])
def test_atoms_nested_deep_and_sizes_that_lie_end_quickly(depth):
    data = b""
    for _ in range(depth):
        data = struct.pack(">I4s", 8 + len(data), b"moov") + data
    assert kind_of(struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + data) in ("corrupt", "truncated")
    assert kind_of(struct.pack(">I4s", 0xFFFFFFFF, b"moov") + bytes(100)) in ("corrupt", "truncated", "not_media")


def test_a_codec_that_nobody_knows_is_unsupported_and_the_sound_still_plays(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mp4", n_frames=10, sound=tools.click(0.4, 0.2))
    data = film.path.read_bytes().replace(b"avc1", b"zzzz")
    with pytest.raises(MediaError) as caught, open_video(data):
        pass
    assert caught.value.kind == "unsupported"
    assert tools.all_samples(data)[0].shape[1] > 9000
    assert any("codec that is not known" in line for line in probe(data).warnings)


NAMES = [
    "12:30 take.wav",
    "concat:x.wav",
    "-i.wav",
    "img%03d.wav",
    "http:||x.wav",
    "a\nb.wav",
    "🎬.wav",
    "pipe:0",
    "file:x",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_only_a_name(tools, tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tools.write_sound(tmp_path / "plain.wav", tools.click(0.5, 0.2)).rename(tmp_path / name)
    for source in (path, name):
        assert tools.all_samples(source)[0].shape[1] == 12_000
        assert probe(source).name == " ".join(name.split())


@pytest.mark.skipif(os.name == "nt", reason="names are text on Windows")
def test_a_name_that_is_not_utf_8_opens_and_is_shown_with_a_stand_in(tools, tmp_path):
    path = tools.write_sound(tmp_path / "plain.wav", tools.click(0.5, 0.2))
    odd = path.rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    assert tools.all_samples(odd)[0].shape[1] == 12_000
    assert display_name(odd) == "caf\ufffd.wav"
    display_name(odd).encode()  # JSON and a terminal can hold it


def test_probe_says_what_a_film_is(tools, tmp_path):
    film = tools.write_film(tmp_path / "film.mp4", n_frames=50, sound=tools.click(2.0, 0.5))
    info = probe(film.path)
    assert (info.name, info.container, info.size_bytes) == ("film.mp4", "mov", film.path.stat().st_size)
    assert (info.video.width, info.video.height, info.video.codec) == (160, 96, "h264")
    assert info.video.rate == pytest.approx(25, rel=0.01) and info.duration == pytest.approx(2.0, abs=0.05)
    assert (info.audio.codec, info.audio.rate, info.audio.channels) == ("aac", 48_000, 1)
    assert info.warnings == () and info.start == 0.0


def test_the_handle_of_a_caller_stays_open(tools, tmp_path):
    path = tools.write_sound(tmp_path / "plain.wav", tools.click(0.5, 0.2))
    with path.open("rb") as handle:
        tools.all_samples(handle)
        probe(handle)
        assert not handle.closed


def test_atoms_are_read_from_any_bytes(tmp_path):
    import io

    rng = np.random.default_rng(0)
    for _ in range(200):
        data = bytearray(rng.bytes(400))
        for at in range(0, 390, 40):
            data[at : at + 8] = struct.pack(
                ">I4s", int(rng.integers(0, 80)), rng.choice([b"moov", b"trak", b"dref", b"stsd"])
            )
        read_movie(io.BytesIO(bytes(data)))
