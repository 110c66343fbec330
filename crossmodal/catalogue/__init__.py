"""The library on disk: tracks, their files, their embeddings; the index beside it; the job that fills it."""

from crossmodal.catalogue.ground import default_folder
from crossmodal.catalogue.index import FaissIndex, VectorIndex
from crossmodal.catalogue.index_file import index_path, open_index, save_index
from crossmodal.catalogue.indexing import embed_missing, index_folders
from crossmodal.catalogue.lock import holder_of, writing_job
from crossmodal.catalogue.progress import JobProgress, Progress
from crossmodal.catalogue.records import (
    TAG_FIELDS,
    Acoustic,
    Content,
    EmbeddingKey,
    EmbeddingTable,
    FileState,
    FoundFile,
    Job,
    PassedOver,
    Place,
    SegmentTable,
    StoredSequence,
    Track,
)
from crossmodal.catalogue.report import IndexReport
from crossmodal.catalogue.scan import Scan, scan_folders
from crossmodal.catalogue.store import Catalogue

__all__ = [
    "TAG_FIELDS",
    "Acoustic",
    "Catalogue",
    "Content",
    "EmbeddingKey",
    "EmbeddingTable",
    "FaissIndex",
    "FileState",
    "FoundFile",
    "IndexReport",
    "Job",
    "JobProgress",
    "PassedOver",
    "Place",
    "Progress",
    "Scan",
    "SegmentTable",
    "StoredSequence",
    "Track",
    "VectorIndex",
    "default_folder",
    "embed_missing",
    "holder_of",
    "index_folders",
    "index_path",
    "open_index",
    "save_index",
    "scan_folders",
    "writing_job",
]
