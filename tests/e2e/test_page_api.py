"""The named endpoints through `gradio_client`, and what the server refuses."""

import time
import urllib.parse

import gradio_client
import pytest
from e2e.serving import make_catalogue, running

from crossmodal.demo import make_track

pytestmark = [pytest.mark.xdist_group("page-api"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def client(server):
    return gradio_client.Client(server.address, verbose=False, analytics_enabled=False, httpx_kwargs={"timeout": 120})


@pytest.fixture(scope="module")
def handle(client):
    import gradio_client

    return gradio_client.handle_file


def test_the_four_endpoints_have_names_and_nothing_else_is_public(client) -> None:
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/match", "/index", "/score", "/tracks"}


def test_match_gives_what_the_command_prints(client, handle, clip) -> None:
    answer = client.predict(clip=handle(str(clip)), k=3, api_name="/match")
    assert answer["query"]["file"] == "clip.mp4" and answer["query"]["compared"] == 12
    assert [match["rank"] for match in answer["matches"]] == [1, 2, 3]
    assert {"track", "score", "percentile", "start", "moments", "word"} <= set(answer["matches"][0])


def test_tracks_lists_the_library_in_pages(client) -> None:
    first = client.predict(first=0, limit=5, api_name="/tracks")
    rest = client.predict(first=5, limit=100, api_name="/tracks")
    ids = [track["id"] for track in [*first["tracks"], *rest["tracks"]]]
    assert first["ready"] == first["present"] == len(ids) == 12 and ids == sorted(ids)


def test_score_scores_a_table_of_files_that_the_client_may_name(client, handle, clip, tmp_path) -> None:
    track = make_track(tmp_path / "a.wav", seconds=10.0)
    (tmp_path / "pairs.csv").write_text(f"video,audio\n{clip},{track}\n{clip},{tmp_path / 'none.wav'}\n")
    with pytest.raises(Exception, match="does not exist"):
        client.predict(table=handle(str(tmp_path / "pairs.csv")), api_name="/score")
    (tmp_path / "pairs.csv").write_text(f"video,audio\n{clip},{track}\n{clip},\n")
    rows = client.predict(table=handle(str(tmp_path / "pairs.csv")), api_name="/score")
    assert [row["status"] for row in rows] == ["ok", "ok"] and 0 <= rows[0]["score"] <= 1


def test_index_begins_a_run_that_tracks_can_be_asked_about(tmp_path) -> None:
    (tmp_path / "more").mkdir()
    make_track(tmp_path / "more" / "one.wav", seconds=6.0)
    with running(make_catalogue(tmp_path, n_tracks=1, seconds=6.0)) as server:
        patient = {"timeout": 120}
        client = gradio_client.Client(server.address, verbose=False, analytics_enabled=False, httpx_kwargs=patient)
        begun = client.predict(folder=str(tmp_path / "more"), api_name="/index")
        assert begun["running"]["is_ours"] is True
        end = time.monotonic() + 240
        while (state := client.predict(api_name="/tracks"))["job"]["running"] and time.monotonic() < end:
            time.sleep(0.5)
        assert state["present"] == 2 and state["tracks"][1]["title"].startswith("one")


def test_trouble_reaches_the_client_in_one_line(client, handle, tmp_path) -> None:
    (tmp_path / "notes.mp4").write_text("no film " * 50)
    with pytest.raises(Exception) as told:
        client.predict(clip=handle(str(tmp_path / "notes.mp4")), api_name="/match")
    assert "notes.mp4" in str(told.value) and "Traceback" not in str(told.value)


@pytest.mark.parametrize("path", ["/etc/passwd", "/no/such/file.mp4", "relative.mp4"])
def test_a_stranger_cannot_name_a_path(server, path) -> None:
    headers = {"X-Forwarded-For": "192.0.2.7"}
    stranger = gradio_client.Client(
        server.address, verbose=False, analytics_enabled=False, headers=headers, httpx_kwargs={"timeout": 120}
    )
    with pytest.raises(Exception):  # noqa: B017 (Gradio's own type)
        stranger.predict(clip={"path": path, "meta": {"_type": "gradio.FileData"}}, api_name="/match")
    with pytest.raises(Exception, match="--allow-folder"):
        stranger.predict(folder="/etc", api_name="/index")


def test_media_are_served_in_ranges_by_id_and_nothing_else_is_served(open_page, server) -> None:
    get = open_page(server).request.get
    track = f"{server.address}/cm/track/own/1"
    found = get(track, headers={"Range": "bytes=0-1"})
    assert found.status == 206 and len(found.body()) == 2 and found.headers["etag"]
    assert found.headers["content-type"] == "audio/mpeg"
    assert get(track, headers={"Range": "bytes=999999999-"}).status == 416
    assert get(f"{server.address}/cm/track/own/999999").status == 404
    for path in ("..%2f..%2fetc%2fhostname", "../../etc/hostname", "%2fetc%2fhostname"):
        for route in ("cm/clip", "cm/static", "cm/example", "gradio_api/file=/etc"):
            assert get(f"{server.address}/{route}/{path}").status in (403, 404, 422)
    for path in ("/etc/hostname", str(server.catalogue / "catalogue.db")):
        assert get(f"{server.address}/gradio_api/file={urllib.parse.quote(path)}").status in (403, 404)


def test_a_strangers_host_and_origin_get_403_on_every_kind_of_address(open_page, server) -> None:
    get = open_page(server).request.get
    for path in ("", "/cm/library", "/cm/static/surface.js", "/gradio_api/info"):
        assert get(f"{server.address}{path}", headers={"Host": "evil.example"}).status == 403
        assert get(f"{server.address}{path}", headers={"Origin": "http://evil.example"}).status == 403
        assert get(f"{server.address}{path}", headers={"Origin": server.address}).status in (200, 404)
