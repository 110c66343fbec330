"""The joint loss: who is a positive, for vectors and for sequences; both directions; what is refused."""

import pytest
import torch

from crossmodal.losses import (
    Circle,
    CrossModalLoss,
    Extra,
    InfoNCE,
    NormFace,
    PairBatch,
    PairLoss,
    RankingHinge,
    SideBatch,
    SoftStructure,
    SquaredNorm,
    SupCon,
)
from crossmodal.similarity import Similarity, aligned, cosine


def ids(*values: int) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.int64)


def spans(*values: tuple[float, float]) -> torch.Tensor:
    return torch.tensor(values)


def side(seed: int, music: torch.Tensor, steps: int = 30, **rest: torch.Tensor) -> SideBatch:
    generator = torch.Generator().manual_seed(seed)
    rows = len(music)
    return SideBatch(
        music,
        vectors=torch.randn(rows, 6, generator=generator),
        sequences=torch.randn(rows, steps, 4, 2, generator=generator),
        masks=torch.ones(rows, steps, dtype=torch.bool),
        **rest,
    )


def both() -> CrossModalLoss:
    return CrossModalLoss(InfoNCE(logit_scale=10), InfoNCE(logit_scale=20), vector_weight=0.5, sequence_weight=2)


def test_rows_belong_together_by_id_wherever_they_stand() -> None:
    batch = PairBatch(SideBatch(ids(3, 8, 3)), SideBatch(ids(8, 3)))
    is_pos, ignore = batch.vector_pairs()
    assert is_pos.tolist() == [[False, True], [True, False], [False, True]] and not ignore.any()


def test_no_row_is_dropped_for_sharing_the_ids_tensor() -> None:
    shared = ids(0, 1, 2)
    is_pos, _ = PairBatch(SideBatch(shared), SideBatch(shared)).vector_pairs()
    assert is_pos.tolist() == torch.eye(3, dtype=torch.bool).tolist()


def test_a_sequence_needs_the_same_file_and_an_overlapping_span_and_other_equal_ids_are_ignored() -> None:
    video = SideBatch(ids(1, 1, 1, 2), content=ids(5, 5, 6, 7), spans=spans((0, 9), (20, 29), (0, 9), (0, 9)))
    audio = SideBatch(ids(1, 2), content=ids(5, 7), spans=spans((4, 13), (9, 18)))
    is_pos, ignore = PairBatch(video, audio).sequence_pairs()
    assert is_pos.tolist() == [[True, False], [False, False], [False, False], [False, False]]
    # the second starts later, the third is another recording of it, the last only touches (9 to 9)
    assert ignore.tolist() == [[False, False], [True, False], [True, False], [False, True]]
    is_pos, ignore = PairBatch(video, audio).vector_pairs()
    assert is_pos.tolist() == [[True, False]] * 3 + [[False, True]] and not ignore.any()


def test_pairs_across_domains_are_ignored_for_both() -> None:
    video, audio = (SideBatch(ids(1, 2), domain=ids(0, 1)), SideBatch(ids(1, 2, 1), domain=ids(0, 1, 1)))
    for is_pos, ignore in (PairBatch(video, audio).vector_pairs(), PairBatch(video, audio).sequence_pairs()):
        assert ignore.tolist() == [[False, True, True], [True, False, False]]
        assert is_pos.tolist() == [[True, False, False], [False, True, False]]


def test_a_recipe_may_name_further_negatives_and_further_pairs_to_ignore() -> None:
    video, audio = (SideBatch(ids(1, 1), content=ids(5, 6)), SideBatch(ids(1, 2), content=ids(5, 7)))
    negatives, ignored = torch.zeros(2, 2, dtype=torch.bool), torch.zeros(2, 2, dtype=torch.bool)
    negatives[0, 0] = negatives[1, 0] = ignored[0, 1] = True
    batch = PairBatch(video, audio, sequence_extra=Extra(negatives, ignored))
    is_pos, ignore = batch.sequence_pairs()
    assert not is_pos.any() and ignore.tolist() == [[False, True], [False, False]]
    assert batch.vector_pairs()[0].tolist() == [[True, False], [True, False]]  # only the sequences were named
    everything = torch.ones(2, 2, dtype=torch.bool)
    assert PairBatch(video, audio, vector_extra=Extra(negatives, everything)).vector_pairs()[1].all()


def test_forward_is_the_weighted_sum_of_terms_and_each_is_the_mean_of_both_directions() -> None:
    batch = PairBatch(side(1, ids(1, 2, 3)), side(2, ids(3, 1, 2, 9)))
    loss = both()
    terms = loss.terms(batch)
    assert list(terms) == ["vectors", "sequences"]
    torch.testing.assert_close(loss(batch), 0.5 * terms["vectors"] + 2 * terms["sequences"])
    sim = cosine(batch.video.vectors, batch.audio.vectors)
    is_pos, _ = batch.vector_pairs()
    loss_one = InfoNCE(logit_scale=10)
    torch.testing.assert_close(terms["vectors"], (loss_one(sim, is_pos) + loss_one(sim.T, is_pos.T)) / 2)
    sim = aligned(batch.video.sequences, batch.audio.sequences, batch.video.masks, batch.audio.masks)
    loss_one = InfoNCE(logit_scale=20)
    torch.testing.assert_close(terms["sequences"], (loss_one(sim, is_pos) + loss_one(sim.T, is_pos.T)) / 2)


def test_swapping_the_sides_changes_nothing() -> None:
    one, other = side(3, ids(1, 2, 3)), side(4, ids(3, 1))
    loss = both()
    torch.testing.assert_close(loss(PairBatch(one, other)), loss(PairBatch(other, one)))


def test_two_rows_of_one_music_are_not_pushed_apart() -> None:
    vectors = torch.eye(2)[[0, 0, 1]].requires_grad_()
    batch = PairBatch(SideBatch(ids(4, 4, 5), vectors=vectors), SideBatch(ids(4, 4, 5), vectors=vectors.detach()))
    loss = CrossModalLoss(vectors=InfoNCE(logit_scale=50))(batch)
    assert loss.item() < 1e-6


def test_weights_of_rows_count_in_their_own_direction() -> None:
    music, weight = ids(1, 2, 3), torch.tensor([1.0, 1.0, 0.0])
    video, audio = side(5, music, weight=weight), side(6, music)
    loss_one = InfoNCE(logit_scale=10)
    sim, is_pos = cosine(video.vectors, audio.vectors), torch.eye(3, dtype=torch.bool)
    expected = (loss_one(sim, is_pos, None, weight) + loss_one(sim.T, is_pos)) / 2
    torch.testing.assert_close(CrossModalLoss(vectors=loss_one)(PairBatch(video, audio)), expected)


def test_a_batch_without_a_positive_pair_costs_nothing_and_stays_in_the_graph() -> None:
    vectors = torch.randn(2, 3, requires_grad=True)
    batch = PairBatch(SideBatch(ids(1, 2), vectors=vectors), SideBatch(ids(3, 4), vectors=torch.randn(2, 3)))
    loss = CrossModalLoss(vectors=InfoNCE())(batch)
    loss.backward()
    assert loss.item() == 0 and vectors.grad is not None and vectors.grad.count_nonzero() == 0


def test_each_loss_compares_vectors_as_it_expects() -> None:
    class Distant(InfoNCE):
        expects = Similarity.NEG_DISTANCE

    video, audio = side(7, ids(1, 2)), side(8, ids(1, 2))
    expected = -torch.cdist(video.vectors, audio.vectors)
    loss = Distant(logit_scale=1)
    is_pos = torch.eye(2, dtype=torch.bool)
    found = CrossModalLoss(vectors=loss)(PairBatch(video, audio))
    torch.testing.assert_close(found, (loss(expected, is_pos) + loss(expected.T, is_pos)) / 2, atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match="bounded"):
        CrossModalLoss(sequences=loss)


def test_learned_constants_of_both_losses_are_brought_back() -> None:
    loss = both()
    with torch.no_grad():
        for parameter in loss.parameters():
            parameter.add_(100)
    loss.after_step()
    assert all(parameter.exp() < 61 for parameter in loss.parameters())


def test_a_row_meets_its_own_side_but_not_itself() -> None:
    video, audio = side(11, ids(1, 1, 2)), side(12, ids(2, 1))
    loss = CrossModalLoss(within=SupCon())(PairBatch(video, audio))
    sims = [cosine(rows.vectors, rows.vectors) for rows in (video, audio)]
    own = [torch.eye(len(sim), dtype=torch.bool) for sim in sims]
    is_pos = [rows.ids[:, None] == rows.ids for rows in (video, audio)]
    by_hand = [SupCon()(sim, pos & ~same, same) for sim, pos, same in zip(sims, is_pos, own, strict=True)]
    torch.testing.assert_close(loss, torch.stack(by_hand).mean())


def test_pairs_by_label_are_those_of_known_and_equal_labels() -> None:
    video, audio = SideBatch(ids(1, 2, 3), labels=ids(7, -1, 5)), SideBatch(ids(1, 2), labels=ids(5, -1))
    is_pos, ignore = PairBatch(video, audio).label_pairs()
    assert is_pos.tolist() == [[False, False], [False, False], [True, False]]
    assert ignore.tolist() == [[False, True], [True, True], [False, True]]


def labelled(seed: int, music: torch.Tensor, labels: torch.Tensor, **rest: torch.Tensor) -> SideBatch:
    return side(seed, music, labels=labels, **rest)


def test_a_semi_supervised_blend_trains_one_projection_by_id_and_another_by_label() -> None:
    projections = [torch.randn(3, 4, requires_grad=True) for _ in range(2)]
    video, audio = (
        labelled(seed, ids(1, 2, 3), ids(0, 0, 1), label_vectors=rows)
        for seed, rows in zip((13, 14), projections, strict=True)
    )
    loss = CrossModalLoss(vectors=InfoNCE(10), labels=SupCon(), label_weight=0.25)
    terms = loss.terms(PairBatch(video, audio))
    torch.testing.assert_close(loss(PairBatch(video, audio)), terms["vectors"] + 0.25 * terms["labels"])
    is_pos = ids(0, 0, 1)[:, None] == ids(0, 0, 1)
    sim = cosine(*projections)
    torch.testing.assert_close(terms["labels"], (SupCon()(sim, is_pos) + SupCon()(sim.T, is_pos.T)) / 2)
    terms["labels"].backward()
    assert all(rows.grad is not None and rows.grad.count_nonzero() for rows in projections)


def test_proxies_are_shared_by_both_modalities() -> None:
    video, audio = labelled(15, ids(1, 2), ids(0, 2)), labelled(16, ids(1, 2, 3), ids(0, -1, 1))
    proxies = NormFace(6, 3)
    found = CrossModalLoss(labels=proxies)(PairBatch(video, audio))
    rows, labels = torch.cat([video.vectors, audio.vectors]), torch.cat([video.labels, audio.labels])
    torch.testing.assert_close(found, proxies(rows, labels))


def test_structure_is_kept_on_the_sides_that_have_features() -> None:
    features = torch.randn(3, 9)
    video, audio = side(17, ids(1, 2, 3), features=features), side(18, ids(1, 2, 3))
    found = CrossModalLoss(structure=SoftStructure())(PairBatch(video, audio))
    torch.testing.assert_close(found, SoftStructure()(features, video.vectors))
    norms = CrossModalLoss(structure=SquaredNorm())(PairBatch(video, audio))
    torch.testing.assert_close(norms, (video.vectors.square().sum() + audio.vectors.square().sum()) / 6)
    with pytest.raises(ValueError, match="features is None on both sides"):
        CrossModalLoss(structure=SoftStructure())(PairBatch(audio, audio))


def test_directions_may_weigh_differently() -> None:
    batch = PairBatch(side(19, ids(1, 2, 3)), side(20, ids(3, 1, 2)))
    hinge = RankingHinge()
    sim, (is_pos, _) = cosine(batch.video.vectors, batch.audio.vectors), batch.vector_pairs()
    found = CrossModalLoss(vectors=hinge, direction_weights=(1, 3))(batch)
    torch.testing.assert_close(found, (hinge(sim, is_pos) + 3 * hinge(sim.T, is_pos.T)) / 2)


def test_a_loss_whose_targets_suppose_one_sees_sequences_after_a_learned_map() -> None:
    batch = PairBatch(side(21, ids(1, 2, 3)), side(22, ids(3, 1, 2)))
    loss = CrossModalLoss(sequences=Circle())
    at_start = loss(batch)
    assert {name for name, _ in loss.named_parameters()} == {"sequence_map.log_scale", "sequence_map.shift"}
    at_start.backward()
    assert all(parameter.grad is not None and parameter.grad != 0 for parameter in loss.parameters())
    with torch.no_grad():
        for parameter in loss.parameters():
            parameter.add_(100)
    loss.after_step()
    assert loss.sequence_map is not None and loss.sequence_map(torch.ones(())).item() == pytest.approx(11)


def test_no_loss_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        CrossModalLoss()


@pytest.mark.parametrize(
    ("video", "audio", "says"),
    [
        (SideBatch(ids(1)), side(1, ids(1)), "video.vectors is None"),
        (side(1, ids(1)), SideBatch(ids(1), vectors=torch.zeros(1, 6)), "audio.sequences is None"),
        (side(1, ids(1)), SideBatch(ids(1), vectors=torch.zeros(1, 7)), r"video is \(1, 6\) and audio is \(1, 7\)"),
    ],
)
def test_what_is_missing_or_does_not_fit_is_named(video: SideBatch, audio: SideBatch, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        both()(PairBatch(video, audio))


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        ({"vectors": torch.zeros(3, 2)}, "vectors is"),
        ({"spans": torch.zeros(2, 3)}, "spans is"),
        ({"weight": torch.zeros(2, 1)}, "weight is"),
        ({"sequences": torch.zeros(2, 5, 1, 1)}, "together"),
    ],
)
def test_a_side_whose_parts_do_not_fit_is_refused(rest: dict[str, torch.Tensor], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SideBatch(ids(1, 2), **rest)


def test_ids_must_be_whole_numbers() -> None:
    with pytest.raises(ValueError, match="int64"):
        SideBatch(torch.tensor([1.0, 2.0]))


def test_extra_pairs_of_a_wrong_shape_are_refused() -> None:
    batch = PairBatch(
        SideBatch(ids(1)), SideBatch(ids(1)), vector_extra=Extra(ignore=torch.zeros(2, 2, dtype=torch.bool))
    )
    with pytest.raises(ValueError, match="ignore is"):
        batch.vector_pairs()


def test_the_registry_holds_pair_losses_under_the_names_that_configs_use() -> None:
    from crossmodal.losses import PAIR_LOSSES

    assert PAIR_LOSSES["infonce"] is InfoNCE
    assert all(issubclass(loss, PairLoss) for loss in PAIR_LOSSES.values())
