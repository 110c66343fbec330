"""A made library: the planted start is found, recordings are one result, the bank follows the catalogue."""

from dataclasses import replace

import numpy as np
import pytest
from matching_made import MODEL, cut, made, put

from crossmodal.catalogue import Catalogue
from crossmodal.matching import Calibration
from crossmodal.matching import library as library_module
from crossmodal.matching.comparing import order, percentiles, windows_of
from crossmodal.matching.library import Library, sample_of


def fill(catalogue: Catalogue, count: int) -> list[int]:
    return [put(catalogue, f"t{k}", made(k, 20 + k)) for k in range(count)]


def test_a_planted_clip_is_found_at_its_start(catalogue: Catalogue, calibration: Calibration) -> None:
    ids = fill(catalogue, 12)
    ranking = Library.read(catalogue, MODEL, "audio").rank(cut(made(7, 27), 83, 163), catalogue, calibration)
    assert ranking.ids[0] == ids[7] and ranking.scores.start[0] == 83
    assert ranking.percentile[0] == 100 and (np.diff(ranking.percentile) <= 0).all() and ranking.percentile[-1] == 0


def test_tracks_of_one_recording_are_one_result(catalogue: Catalogue, calibration: Calibration) -> None:
    first = put(catalogue, "a", made(1, 20))
    (track,) = catalogue.tracks()
    copy = put(catalogue, "b", made(1, 20), recording=(track.recording_id, 0.5))
    put(catalogue, "c", made(2, 20))
    ranking = Library.read(catalogue, MODEL, "audio").rank(cut(made(1, 20), 50, 100), catalogue, calibration)
    assert len(ranking.ids) == 2 and ranking.ids[0] == min(first, copy) and np.isnan(ranking.percentile).all()


def test_the_bank_follows_the_catalogue_and_reads_only_what_is_new(
    catalogue: Catalogue, calibration: Calibration
) -> None:
    fill(catalogue, 6)
    before = Library.read(catalogue, MODEL, "audio")
    new = put(catalogue, "new", made(50, 25))
    after = Library.read(catalogue, MODEL, "audio", before)
    assert after.bank.parts[0] is before.bank.parts[0] and new in after.bank.ids
    catalogue.set_present(not_seen=[catalogue.places()[0].id])
    third = Library.read(catalogue, MODEL, "audio", after)
    fresh = Library.read(catalogue, MODEL, "audio")
    query = cut(made(50, 25), 30, 90)
    ours, anew = (lib.rank(query, catalogue, calibration) for lib in (third, fresh))
    assert list(ours.ids) == list(anew.ids) and len(ours.ids) == 6
    np.testing.assert_allclose(ours.scores.rank, anew.scores.rank, atol=1e-5)


def test_a_large_library_is_searched_by_candidates(
    catalogue: Catalogue, calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(catalogue, 14)
    monkeypatch.setattr(library_module, "FULL_SCAN", 6)
    monkeypatch.setattr(library_module, "SAMPLE", 11)
    found = Library.read(catalogue, MODEL, "audio")
    ranking = found.rank(cut(made(9, 29), 40, 120), catalogue, calibration)
    assert len(ranking.ids) == 6 and len(ranking.library) == 11
    assert ranking.scores.start[0] == 40 and (np.diff(ranking.percentile) <= 0).all()


def test_ties_are_ranked_by_id_and_share_the_middle_rank() -> None:
    rank = np.array([1.0, 2.0, 2.0 + 1e-9, 0.0])
    assert list(order(rank, np.array([4, 9, 3, 1]))) == [2, 1, 0, 3]
    assert list(percentiles(rank, rank, np.ones(4, np.bool_))) == pytest.approx([100 / 3, 250 / 3, 250 / 3, 0])


def test_the_sample_is_fixed_and_hardly_changes_as_the_library_grows() -> None:
    small, large = sample_of(np.arange(1, 6001)), sample_of(np.arange(1, 6101))
    assert len(small) == 1000 and len(np.intersect1d(small, large)) > 950


def test_a_still_clip_has_nothing_to_compare_over_time() -> None:
    still = made(1, 5)
    still.sequence[:] = still.sequence[0]
    assert windows_of(still) is None and windows_of(made(1, 5)) is not None


def test_a_view_is_blended_into_the_vectors_by_its_share(catalogue: Catalogue) -> None:
    rng = np.random.default_rng(3)
    views = rng.normal(size=(13, 3)).astype(np.float32)
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    tracks = [replace(made(k, 20), views={"labels": views[k]}) for k in range(12)]
    for k, track in enumerate(tracks):
        put(catalogue, f"t{k}", track)
    query = replace(cut(made(7, 20), 83, 163), views={"labels": views[12]})
    found = Library.read(catalogue, MODEL, "audio", view="labels")
    for alpha in (0.0, 0.3, 1.0):
        ranking = found.rank(query, catalogue, None, alpha)
        places = ranking.ids - 1
        plain = np.array([track.vector @ query.vector for track in tracks])
        np.testing.assert_allclose(
            ranking.scores.g, ((1 - alpha) * plain + alpha * views[:12] @ views[12])[places], atol=1e-5
        )
    plain_ranking = Library.read(catalogue, MODEL, "audio").rank(query, catalogue, None)
    assert list(found.rank(query, catalogue, None).ids) == list(plain_ranking.ids)
    plain_standing = Library.read(catalogue, MODEL, "audio").standing(query, None)
    np.testing.assert_allclose(found.standing(query, None), plain_standing, atol=1e-5)
