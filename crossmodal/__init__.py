"""crossmodal: match music to video, on your own library, offline.

Names are loaded when first used, so that `import crossmodal` takes neither torch nor faiss nor gradio.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "CrossmodalError": "crossmodal.errors",
    "Embedding": "crossmodal.embedding",
    "Features": "crossmodal.features",
    "Match": "crossmodal.matching",
    "Matcher": "crossmodal.matching",
    "MediaError": "crossmodal.errors",
    "TwoTowerModel": "crossmodal.model",
    "open_audio": "crossmodal.media",
    "open_video": "crossmodal.media",
    "probe": "crossmodal.media",
    "score_pairs": "crossmodal.scoring",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'crossmodal' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
