"""The memory of earlier batches: right pairs between two modalities, gradients on both sides, a resume, a warning."""

import warnings

import pytest
import torch
from torch import Tensor

from crossmodal.losses import InfoNCE, PairBatch, SideBatch
from crossmodal.losses.memory import CrossBatchMemory
from crossmodal.similarity import cosine


def draw(seed: int, ids: list[int], audio_ids: list[int] | None = None, **fields: Tensor) -> PairBatch:
    generator = torch.Generator().manual_seed(seed)
    sides = []
    for names in (ids, ids if audio_ids is None else audio_ids):
        rows = torch.randn(len(names), 4, generator=generator, dtype=torch.float64)
        sides.append(SideBatch(torch.tensor(names), rows.requires_grad_(), **fields))
    return PairBatch(*sides)


def memory(size: int = 8, **options: int) -> CrossBatchMemory:
    return CrossBatchMemory(InfoNCE(10), 4, size=size, **options).double()


def by_hand(batch: PairBatch, remembered: list[PairBatch]) -> Tensor:
    """From the batches themselves, the present one last."""
    audio, video = (torch.cat([getattr(b, side).vectors for b in remembered]).detach() for side in ("audio", "video"))
    ids = [torch.cat([getattr(b, side).ids for b in remembered]) for side in ("audio", "video")]
    loss = InfoNCE(10).double()
    to_music = loss(cosine(batch.video.vectors, audio), batch.video.ids[:, None] == ids[0])
    to_video = loss(cosine(batch.audio.vectors, video), batch.audio.ids[:, None] == ids[1])
    return (to_music + to_video) / 2


def test_loss_and_gradients_are_those_worked_by_hand_with_positives_from_other_batches() -> None:
    bank = memory()
    batches = [draw(0, [3, 5, 9]), draw(1, [5, 5, 2]), draw(2, [9, 7])]
    for batch in batches[:2]:
        bank(batch)
    found, expected = bank(batches[2]), by_hand(batches[2], batches)
    torch.testing.assert_close(found, expected)
    rows = [batches[2].video.vectors, batches[2].audio.vectors]
    gradients = torch.autograd.grad(found, rows), torch.autograd.grad(expected, rows)
    torch.testing.assert_close(*gradients)
    assert all(gradient.any() for gradient in gradients[0])


def test_the_oldest_rows_leave_and_the_sides_may_differ_in_rows() -> None:
    bank = memory(size=5)
    batches = [draw(0, [1, 2, 3]), draw(1, [3, 4], [3, 4, 5]), draw(2, [1, 6])]
    for batch in batches[:2]:
        bank(batch)
    bank(batches[2])
    assert bank.audio_ids.tolist() == [3, 4, 5, 1, 6] and bank.video_ids.tolist() == [3, 3, 4, 1, 6]
    assert bank.video_filled.all()


def test_an_empty_place_is_neither_positive_nor_negative() -> None:
    bank, batch = memory(size=50), draw(0, [0, 4])  # an empty place holds id 0
    torch.testing.assert_close(bank(batch), by_hand(batch, [batch]))


def test_rows_of_other_domains_are_ignored() -> None:
    bank = memory()
    bank(draw(0, [1, 2], domain=torch.tensor([0, 0])))
    batch = draw(1, [3, 4], domain=torch.tensor([1, 1]))
    torch.testing.assert_close(bank(batch), by_hand(batch, [batch]))


def test_nothing_counts_before_the_warm_up_is_over_but_all_is_remembered() -> None:
    bank = memory(warm_up=1)
    first, second = draw(0, [1, 2]), draw(1, [3, 1])
    early = bank(first)
    gradient = torch.autograd.grad(early, first.video.vectors)[0]
    assert early == 0 and gradient.count_nonzero() == 0
    torch.testing.assert_close(bank(second), by_hand(second, [first, second]))


def test_in_eval_mode_nothing_is_put_in() -> None:
    bank, first, other = memory(), draw(0, [1, 2]), draw(1, [2, 3])
    bank(first)
    bank.eval()
    torch.testing.assert_close(bank(other), by_hand(other, [first]))
    assert bank.seen == 1 and bank.audio_ids.tolist()[-2:] == [1, 2]


def test_a_resumed_memory_goes_on_as_if_nothing_had_happened(tmp_path: object) -> None:
    bank = memory(warm_up=1)
    for seed in range(3):
        bank(draw(seed, [seed, seed + 1, 7]))
    torch.save(bank.state_dict(), tmp_path / "state.pt")  # type: ignore[operator]
    resumed = memory(warm_up=1)
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))  # type: ignore[operator]
    for seed in range(3, 6):
        assert torch.equal(bank(draw(seed, [seed, 7, 2])), resumed(draw(seed, [seed, 7, 2])))


def test_losses_may_be_summed_over_batches_before_going_backward() -> None:
    bank = memory()
    batches = [draw(seed, [seed, 7]) for seed in range(3)]
    sum(bank(batch) for batch in batches).backward()
    assert all(batch.video.vectors.grad.isfinite().all() for batch in batches)


def feed(bank: CrossBatchMemory, batches: list[list[int]]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for seed, ids in enumerate(batches):
            bank(draw(seed, ids))
    return [str(warning.message) for warning in caught]


def test_row_numbers_taken_for_ids_are_said_once() -> None:
    said = feed(memory(), [[0, 1, 2]] * 6)
    assert len(said) == 1 and "look like row numbers" in said[0]
    assert len(feed(memory(), [[0, 1, 2, 0, 1, 2]] * 6)) == 1  # of two processes, gathered


@pytest.mark.parametrize("batches", [[[0, 1, 2]] * 2 + [[5, 1, 2]] * 6, [[0, 2, 1]] * 9, [[0]] * 9, [[0, 0, 0]] * 9])
def test_true_ids_are_not_suspected(batches: list[list[int]]) -> None:
    assert feed(memory(), batches) == []


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="size is 0"):
        memory(size=0)
    with pytest.raises(ValueError, match="the memory holds 2"):
        memory(size=2)(draw(0, [1, 2, 3]))
    with pytest.raises(ValueError, match=r"video.vectors is None"):
        memory()(PairBatch(SideBatch(torch.tensor([1])), SideBatch(torch.tensor([1]))))
