"""Models without a sequence: stored, matched, scored and calibrated by their vectors alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from matching_made import MODEL, cut, made, put

from app.cli.main import group
from crossmodal.catalogue import Catalogue, index_folders
from crossmodal.demo import make_clip, make_track
from crossmodal.embedding import Embedding
from crossmodal.manifest import Row
from crossmodal.matching import Calibration, Matcher
from crossmodal.matching.library import Library
from crossmodal.model import TwoTowerModel, compact_config
from crossmodal.scoring import score_pairs


def alone(embedding: Embedding) -> Embedding:
    """The same medium as a model without sequence makes it."""
    return replace(embedding, sequence=embedding.sequence[:, :0])


def test_an_embedding_without_heads_keeps_its_length_and_what_was_seen(catalogue: Catalogue) -> None:
    for seconds in (0.1, 0.8, 1.6, 2.3):
        seen = np.random.default_rng(3).random(round(10 * seconds)) < 0.5
        track = put(catalogue, f"t{seconds}", replace(alone(made(1, seconds)), seen=seen))
        (stored,) = catalogue.iter_sequences(MODEL, "audio", [track])
        assert stored.sequence.shape == (len(seen), 0, 2) and np.array_equal(stored.seen, seen)


def test_a_library_without_sequences_is_ranked_by_the_cosine(catalogue: Catalogue, calibration: Calibration) -> None:
    ids = np.array([put(catalogue, f"t{k}", alone(made(k, 20))) for k in range(12)])
    cosines = np.array([made(k, 20).vector @ made(7, 20).vector for k in range(12)])
    for given in (None, calibration):
        ranking = Library.read(catalogue, MODEL, "audio").rank(alone(cut(made(7, 20), 0, 80)), catalogue, given)
        assert list(ranking.ids) == list(ids[np.argsort(-cosines)]) and ranking.percentile[0] == 100
        assert not ranking.scores.start.any() and np.isnan(ranking.scores.s_seq).all()
    assert np.isfinite(ranking.scores.score).all()


@pytest.fixture(scope="module", params=["pooled", "transformer"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Three tracks and a clip, a model of vectors alone, and a catalogue of both sides made with it."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "music").mkdir()
    for seed in range(3):
        make_track(folder / "music" / f"{seed}.flac", seconds=4.0, seed=seed)
    (folder / "clips").mkdir()
    make_clip(folder / "clips" / "clip.mp4", seconds=2.0, cuts=(0.5,))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        settings = {"tower": request.param, "heads": 0, "vector_dim": 16, "hidden": 16, "width": 16, "layers": [16]}
        model = TwoTowerModel(compact_config(name="alone", **settings)).eval()
    model.save_pretrained(folder / "model")
    with Catalogue.open(folder / "library", create=True) as catalogue:
        index_folders(catalogue, [folder / "music"], model, workers=1)
        index_folders(catalogue, [folder / "clips"], model, as_side="video", workers=1)
    yield folder


def test_files_are_matched_both_ways_and_nobody_says_that_the_clip_stands_still(folder: Path) -> None:
    with Matcher.open(folder / "library", TwoTowerModel.from_pretrained(folder / "model")) as matcher:
        found = matcher.match_media(folder / "clips" / "clip.mp4")
        assert len(found.matches) == 3 and not found.query.is_still and not found.query.warnings
        for match in found.matches:
            assert match.start == 0 and match.alternatives == () and np.isnan(match.moments).all()
            assert [reason.kind for reason in match.reasons] == [] and match.length == pytest.approx(2, abs=0.1)
        assert len(matcher.match(folder / "music" / "0.flac", to="video")) == 1


def test_the_command_line_matches_with_such_a_model(folder: Path) -> None:
    said = CliRunner().invoke(
        group,
        ["match", str(folder / "clips" / "clip.mp4"), "-c", str(folder / "library"), "--model", str(folder / "model")],
    )
    assert said.exit_code == 0 and len(said.output.splitlines()) == 5, said.output


def test_pairs_are_scored_by_their_vectors(folder: Path, calibration: Calibration) -> None:
    calibration.save(folder / "model")
    row = Row(id="one", video=folder / "clips" / "clip.mp4", audio=folder / "music" / "1.flac")
    model = TwoTowerModel.from_pretrained(folder / "model")
    with Catalogue.open(folder / "library") as catalogue:
        (scored,) = score_pairs([row], model, catalogue=catalogue)
    vectors = model.embed_video(row.video).vector, model.embed_audio(row.audio).vector
    assert scored.status == "ok" and scored.start == 0
    assert scored.score == pytest.approx(float(calibration.probability(vectors[0] @ vectors[1] / 0.2, 2.0)), abs=1e-4)
