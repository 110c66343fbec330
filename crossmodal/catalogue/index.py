"""VectorIndex: nearest vectors by id; FaissIndex, the default, is exact."""

import json
import os
import struct
import threading
import zlib
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np

from crossmodal.errors import CatalogueError

_MAGIC = b"cmindex1"


class VectorIndex(Protocol):
    """Vectors by id. Similarity is the inner product, which of unit vectors is the cosine.

    An implementation never gives an id that it does not hold, and never -1.
    """

    generation: str  # of the catalogue that it reflects

    def add(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        """Add vectors (N, D) float32 under ids (N,) int64; a known id is replaced, a zero vector (silence) kept out."""
        ...

    def remove(self, ids: np.ndarray) -> None:
        """Remove ids; unknown ones do no harm."""
        ...

    def search(self, vectors: np.ndarray, k: int, among: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The k nearest of each of `vectors` (N, D).

        Args:
            vectors: float32.
            k: at most so many.
            among: ids that count, exactly, however few; None: all.

        Returns:
            scores (N, k') float32, falling, ties by rising id; ids (N, k') int64. k' < k where there are fewer.
        """
        ...

    def save(self, path: Path) -> None:
        """Write the index; it stands under its name only when it is whole."""
        ...

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote. Raises CatalogueError `damaged`."""
        ...


class FaissIndex:
    """Every vector compared, by FAISS: exact at any share of `among`, from one thread or several.

    Args:
        dim: D.
        generation: of the catalogue.
    """

    def __init__(self, dim: int, generation: str = "") -> None:
        import faiss  # late: 40 MB, and guarded children import this package

        self.dim, self.generation = dim, generation
        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dim))
        self._known: set[int] = set()
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._known)

    def ids(self) -> np.ndarray:
        """(N,) int64: the ids that are held, rising."""
        with self._lock:
            return np.array(sorted(self._known), np.int64)

    def add(self, ids: np.ndarray, vectors: np.ndarray) -> None:
        """See `VectorIndex`; of an id that is given twice the last vector counts."""
        ids, vectors = np.asarray(ids, np.int64), self._checked(vectors)
        if ids.shape != vectors.shape[:1]:
            raise ValueError(f"FaissIndex.add: {len(ids)} ids for {len(vectors)} vectors")
        last = {int(i): row for row, i in enumerate(ids)}
        with self._lock:
            self.remove(ids)
            rows = [row for row in sorted(last.values()) if vectors[row].any()]
            if rows:
                self._index.add_with_ids(np.ascontiguousarray(vectors[rows]), np.ascontiguousarray(ids[rows]))
                self._known.update(int(i) for i in ids[rows])

    def remove(self, ids: np.ndarray) -> None:
        """See `VectorIndex`."""
        with self._lock:
            known = [int(i) for i in np.unique(np.asarray(ids, np.int64)) if int(i) in self._known]
            if known:
                self._index.remove_ids(np.array(known, np.int64))
                self._known.difference_update(known)

    def search(self, vectors: np.ndarray, k: int, among: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """See `VectorIndex`."""
        vectors = self._checked(vectors)
        with self._lock:
            allowed = None if among is None else sorted(self._known.intersection(int(i) for i in among))
            n_held = len(self._known) if allowed is None else len(allowed)
            k = min(max(k, 0), n_held)
            if k == 0 or len(vectors) == 0:
                return np.zeros((len(vectors), 0), np.float32), np.zeros((len(vectors), 0), np.int64)
            scores, ids = self._nearest(vectors, k, n_held, allowed)
        order = np.lexsort((ids, -scores), axis=1)[:, :k]
        return np.take_along_axis(scores, order, 1), np.take_along_axis(ids, order, 1)

    def save(self, path: Path) -> None:
        """See `VectorIndex`: one file, so that vectors and generation never come from two moments."""
        import faiss

        with self._lock:
            body = zlib.compress(faiss.serialize_index(self._index).tobytes(), 1)
            head = json.dumps({"generation": self.generation, "dim": self.dim, "check": zlib.crc32(body)}).encode()
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        temporary.write_bytes(_MAGIC + struct.pack("<I", len(head)) + head + body)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """See `VectorIndex`."""
        import faiss

        data = path.read_bytes()
        try:
            if not data.startswith(_MAGIC):
                raise ValueError("not an index")
            (length,) = struct.unpack_from("<I", data, len(_MAGIC))
            body = data[len(_MAGIC) + 4 + length :]
            head = json.loads(data[len(_MAGIC) + 4 :][:length])
            if zlib.crc32(body) != head["check"]:
                raise ValueError("its bytes changed")
            index = cls(head["dim"], head["generation"])
            index._index = faiss.deserialize_index(np.frombuffer(zlib.decompress(body), np.uint8))
        except (ValueError, KeyError, TypeError, struct.error, zlib.error, RuntimeError) as error:
            trouble = f"{path} is damaged ({error}). It is made again from the catalogue."
            raise CatalogueError("damaged", trouble) from error
        index._known = {int(i) for i in faiss.vector_to_array(index._index.id_map)}
        return index

    def _nearest(
        self, vectors: np.ndarray, k: int, n_held: int, allowed: list[int] | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """At least k nearest, as many more as score the same as the k-th: which of a tie FAISS keeps is not said."""
        import faiss

        options: Any = None
        if allowed is not None:
            keep: Any = faiss.IDSelectorBatch(np.array(allowed, np.int64))
            parameters: Any = faiss.SearchParameters
            options = parameters(sel=keep)
        # Where another library has imported faiss.contrib.torch_utils, its search, which has no `params`, stands there.
        search = getattr(self._index, "search_numpy", self._index.search)
        fetch = min(k + 1, n_held)
        while True:
            scores, ids = search(vectors, fetch, params=options)
            if fetch == n_held or (scores[:, k - 1] > scores[:, -1]).all():
                return scores, ids
            fetch = min(2 * fetch, n_held)

    def _checked(self, vectors: np.ndarray) -> np.ndarray:
        vectors = np.ascontiguousarray(vectors, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != self.dim:
            raise CatalogueError(
                "other_model",
                f"the index holds {self.dim}-wide vectors, got {vectors.shape}. "
                "This catalogue was built with another model; open it with that model, or index again with this one.",
            )
        return vectors
