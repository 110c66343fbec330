"""Sounds of a manifest that are nearly the same: their Features, from the store where they are, and their windows."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crossmodal.cores import n_cores
from crossmodal.encoders import make_encoder
from crossmodal.errors import MediaError
from crossmodal.features import Features, FeatureStore
from crossmodal.model import TwoTowerModel
from training.manifests.near import near_duplicates
from training.manifests.splitting import NearPairs


def near_sounds(
    sounds: dict[str, Path],
    store: FeatureStore,
    *,
    model: str | Path = "compact",
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> NearPairs:
    """(content hash, content hash, similarity) of sounds that share a passage.

    Args:
        sounds: content hash -> file.
        store: where Features are kept.
        model: a model on curves, by folder or name: its vectors say what is worth comparing.
        workers: files decoded at once; None: one a core.
        progress: told (done, total) of sounds.
    """
    encoder = make_encoder("curves", "audio")

    def listen(item: tuple[str, Path]) -> Features | None:
        try:
            return store.features_by_hash(encoder, item[1], item[0])
        except MediaError:
            return None  # it changed, or went, since it was looked at

    heard: dict[str, Features] = {}
    with ThreadPoolExecutor(workers or n_cores(), thread_name_prefix="listen") as pool:
        for done, (item, features) in enumerate(zip(sounds.items(), pool.map(listen, sounds.items()), strict=True), 1):
            if features is not None:
                heard[item[0]] = features
            if progress is not None:
                progress(done, len(sounds))
    towers, names = TwoTowerModel.from_pretrained(model), list(heard)
    pairs = near_duplicates(list(heard.values()), lambda features: towers.embed(features, "audio").segments)
    return [(names[i], names[j], alike) for i, j, alike in pairs]
