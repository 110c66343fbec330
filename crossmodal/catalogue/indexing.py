"""The job that fills a catalogue: read folders, decode what is new over all cores, embed, store a track at a time."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from crossmodal import __version__
from crossmodal.catalogue.acoustic import RecordingBook, draw_acoustic
from crossmodal.catalogue.file_reader import FileReader, ReadFile, inspector
from crossmodal.catalogue.index_file import save_index
from crossmodal.catalogue.inspection import FILM, SOUND
from crossmodal.catalogue.lock import writing_job
from crossmodal.catalogue.plan import MovedFiles, Plan, make_plan
from crossmodal.catalogue.progress import JobProgress, Pace, Progress
from crossmodal.catalogue.records import Content, EmbeddingKey, FileState, FoundFile, PassedOver, Place
from crossmodal.catalogue.report import IndexReport
from crossmodal.catalogue.scan import Scan, scan_folders
from crossmodal.catalogue.store import Catalogue
from crossmodal.cores import n_cores
from crossmodal.errors import MediaError
from crossmodal.features import Features, FeatureStore, Side
from crossmodal.media import display_name

if TYPE_CHECKING:
    from crossmodal.model import TwoTowerModel

log = logging.getLogger(__name__)
Item = TypeVar("Item")

SKIPPED_KINDS = {FILM: "videos (see --with-video-sound)", SOUND: "music among clips"}
# No fault of the content, or perhaps of a busy machine: tried again every time. Others wait until the file changes.
FLEETING = ("missing", "timed_out")
NOTE_EVERY = 1.0  # seconds between two notes of how far a job is


def index_folders(
    catalogue: Catalogue,
    folders: Iterable[str | Path],
    model: "TwoTowerModel",
    *,
    as_side: Side = "audio",
    with_video_sound: bool = False,
    prune: bool = False,
    tags: bool = True,
    workers: int | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> IndexReport:
    """Bring a catalogue up to date with folders. What is done stays done: a run that was killed goes on where it was.

    Only new and changed files are read; tracks of earlier runs that lack this model's vectors get them from the stored
    Features. A missing file keeps its track, out of results, unless `prune`. A second run waits for the first.

    Args:
        catalogue: open for writing.
        folders: read with all folders in them.
        model: its towers embed, its encoders decode.
        as_side: `audio`: folders of music; `video`: folders of clips.
        with_video_sound: the sound of films counts as music.
        prune: forget files that are gone from folders that could be read.
        tags: read them.
        workers: files decoded at once; None: one a core.
        progress: told of each file.
        stop: set from another thread to end early, cleanly.

    Raises:
        CatalogueError: it cannot be written.
    """
    begun = time.monotonic()
    roots = [Path(folder) for folder in folders]

    def waiting(words: str) -> None:
        if progress is not None:
            progress(JobProgress(words, 0, 0))

    with (
        writing_job(catalogue.folder, "index", waiting=waiting),
        FeatureStore(catalogue.features_path) as store,
    ):
        run = _Run(catalogue, model, store, as_side, workers or n_cores(), progress, stop or threading.Event())
        run.reader.inspect = inspector(as_side, with_video_sound)
        run.with_tags = tags
        job = catalogue.start_job("index", ", ".join(display_name(root) for root in roots))
        state = "failed"
        try:
            run.job = job
            run.work(roots, retry=(FILM,) if with_video_sound else (), prune=prune)
            state = "stopped" if run.report.stopped else "done"
        except KeyboardInterrupt:
            state = "stopped"
            raise
        finally:
            run.report.seconds = time.monotonic() - begun
            catalogue.end_job(job, state, run.report.as_json())
    return run.report


def embed_missing(
    catalogue: Catalogue,
    model: "TwoTowerModel",
    side: Side = "audio",
    *,
    workers: int | None = None,
    progress: Progress | None = None,
    stop: threading.Event | None = None,
) -> IndexReport:
    """Give every present track vectors of this model, from the stored Features; what has none is decoded again.

    Args:
        catalogue: open for writing. Vectors of other models stay, and can be searched meanwhile.
        model: the new one.
        side: of the tracks.
        workers, progress, stop: as of `index_folders`.
    """
    with writing_job(catalogue.folder, "index"), FeatureStore(catalogue.features_path) as store:
        run = _Run(catalogue, model, store, side, workers or n_cores(), progress, stop or threading.Event())
        run.embed_missing()
        save_index(catalogue, run.fingerprint, side)
    return run.report


class _Run:
    """One run: workers read and decode in guarded children, this thread embeds and writes."""

    def __init__(
        self,
        catalogue: Catalogue,
        model: "TwoTowerModel",
        store: FeatureStore,
        side: Side,
        workers: int,
        progress: Progress | None,
        stop: threading.Event,
    ) -> None:
        self.catalogue, self.model, self.store, self.side = catalogue, model, store, side
        self.encoder = model.encoders[side]
        self.fingerprint = model.fingerprint
        self.workers, self.progress, self.stop = workers, progress, stop
        self.report = IndexReport()
        self.book = RecordingBook(catalogue, self.encoder.fingerprint) if side == "audio" else None
        self.reader = FileReader(catalogue, store, self.encoder, self.fingerprint)
        self.with_tags = True
        self.job: int | None = None
        self._noted = 0.0

    def work(self, folders: Sequence[Path], *, retry: Sequence[str], prune: bool) -> None:
        """The whole run, in its order."""
        if self.progress is not None:
            self.progress(JobProgress("Looking through the folders", 0, 0))
        scan = scan_folders(folders)
        plan = make_plan(
            scan,
            self.catalogue.places(self.side),
            self.catalogue.passed_over(self.side, __version__),
            retry=retry,
            with_tags=self.with_tags,
        )
        self._note_plan(scan, plan)
        self.embed_missing()
        moved = MovedFiles(plan.gone)
        self._parallel("Indexing", plan.read, self.reader.read, lambda file: self._take(file, plan, moved))
        left = moved.left()
        self.report.not_seen = len(left)
        if prune and not self.report.stopped:
            self.report.removed = self.catalogue.prune([place.id for place in left])
            self.report.not_seen = 0
        save_index(self.catalogue, self.fingerprint, self.side)

    def embed_missing(self) -> None:
        """Vectors of this model for tracks that have none."""
        rows = self.catalogue.without_embedding(self.fingerprint, self.side)
        if rows:
            self._parallel("Embedding again", rows, self.reader.recall, self._take_again)

    def _note_plan(self, scan: Scan, plan: Plan) -> None:
        self.report.unchanged = plan.unchanged
        self.report.skipped.update(scan.skipped)
        for path, reason in scan.trouble:
            self.report.add_trouble(path, reason)
        for file in plan.still_bad:
            self._note_passed_over(file)
        self.catalogue.forget_passed_over(self.side, plan.forgotten)
        not_seen = [place.id for place in plan.gone if place.present]
        self.catalogue.set_present(seen=plan.returned, not_seen=not_seen)

    def _note_passed_over(self, file: PassedOver) -> None:
        if file.kind in SKIPPED_KINDS:
            self.report.skipped[SKIPPED_KINDS[file.kind]] += 1
        else:
            self.report.add_trouble(file.path, file.reason)

    # In this thread

    def _take(self, file: ReadFile, plan: Plan, moved: MovedFiles) -> None:
        """Write one file that was read."""
        if file.skipped:
            self.report.skipped[file.skipped] += 1
        elif file.trouble is not None:
            self._pass_over(file, file.trouble.kind, _reason(file.trouble))
        elif file.inspection is not None and file.inspection.kind:
            self._pass_over(file, file.inspection.kind, SKIPPED_KINDS[file.inspection.kind])
        else:
            self._list(file, plan, moved)

    def _pass_over(self, file: ReadFile, kind: str, reason: str) -> None:
        found = PassedOver(file.path, file.state or FileState(0, 0, 0, 0), kind, reason)
        self._note_passed_over(found)
        if file.state is not None and kind not in FLEETING:
            self.catalogue.pass_over(self.side, found, __version__)

    def _list(self, file: ReadFile, plan: Plan, moved: MovedFiles) -> None:
        assert file.inspection is not None and file.state is not None
        tags = file.inspection.tags if self.with_tags else None
        found = FoundFile(file.path, file.state, tags)
        before = plan.known.get(file.path)
        track = self.catalogue.track_id(file.inspection.content_hash, self.side)
        if track is None and file.features is not None:
            self._put(file.inspection.content_hash, file.features, found)
            self._count_new(before)
            return
        assert track is not None
        if file.features is not None and not self.reader.has_vectors(file.inspection.content_hash):
            self._put_again(file.inspection.content_hash, file.features)
        place = None if before is not None else moved.take(track, file.path, file.state)
        self.catalogue.put_place(track, self.side, found, moved_from=place)
        self._count_known(found, before, place, track)

    def _put(self, content_hash: str, features: Features, found: FoundFile) -> None:
        content = Content(
            content_hash,
            self.side,
            features.duration,
            features.silent,
            _or_none(features.loudness_lufs),
            _or_none(features.peak_dbfs),
            features.warnings,
        )
        embedding = self.model.embed(features, self.side)
        acoustic = draw_acoustic(features, self.encoder.fingerprint) if self.book is not None else None
        same = self.book.find(acoustic, features.duration) if self.book is not None and acoustic is not None else None
        track = self.catalogue.put_track(
            content,
            found,
            self.fingerprint,
            embedding,
            acoustic=acoustic,
            recording=None if same is None else (same.recording_id, same.offset),
        )
        if self.book is not None and acoustic is not None:
            self.book.add(track, features.duration, acoustic)
        if same is not None:
            self._report_duplicate(found, same.track_id)
        self.report.audio_seconds += features.duration

    def _report_duplicate(self, found: FoundFile, track: int) -> None:
        """Say which file that is there now holds the same recording; a copy that is gone is none."""
        path = Path(os.fsdecode(found.path))
        (same,) = self.catalogue.tracks_by_id([track])
        self.report.duplicates += [(path, other) for other in same.places if other != path][:1]

    def _count_new(self, before: Place | None) -> None:
        if before is None:
            self.report.added += 1
        else:
            self.report.updated += 1

    def _count_known(self, found: FoundFile, before: Place | None, moved_from: Place | None, track: int) -> None:
        if moved_from is not None:
            self.report.moved += 1
        elif before is None:
            self.report.copies += 1
            self._report_duplicate(found, track)
        elif before.track_id != track:
            self.report.updated += 1
        elif self.with_tags and (before.tags or {}) != found.tags:
            self.report.retagged += 1
        else:
            self.report.unchanged += 1

    def _take_again(self, file: ReadFile) -> None:
        if file.trouble is not None or file.features is None or file.inspection is None:
            self.report.add_trouble(file.path, _reason(file.trouble) if file.trouble else "cannot be read")
            return
        self._put_again(file.inspection.content_hash, file.features)
        self.report.reembedded += 1

    def _put_again(self, content_hash: str, features: Features) -> None:
        key = EmbeddingKey(content_hash, self.side, self.fingerprint)
        self.catalogue.put_embedding(key, self.model.embed(features, self.side))
        if self.book is not None:
            self._redraw(key, features)

    def _redraw(self, key: EmbeddingKey, features: Features) -> None:
        """The acoustic fingerprint anew where it was drawn from another version of the curves."""
        assert self.book is not None
        track = self.catalogue.track_id(key.content_hash, key.side)
        if track is None or self.book.holds(track):
            return
        acoustic = draw_acoustic(features, self.encoder.fingerprint)
        if acoustic is not None:
            self.catalogue.put_acoustic(track, acoustic)
            self.book.add(track, features.duration, acoustic)

    def _parallel(
        self, phase: str, items: Iterable[Item], read: Callable[[Item], ReadFile], take: Callable[[ReadFile], None]
    ) -> None:
        """`read` in workers, `take` here, a few ahead; ends early, cleanly, when asked to."""
        items = list(items)
        pace, waiting = Pace(self.progress, phase, len(items)), iter(items)
        pending: set[Future[ReadFile]] = set()
        with ThreadPoolExecutor(self.workers, thread_name_prefix="index") as pool:
            while not self.stop.is_set():
                for item in waiting:
                    pending.add(pool.submit(read, item))
                    if len(pending) >= 2 * self.workers:
                        break
                if not pending:
                    return
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    file = future.result()
                    take(file)
                    pace.step(display_name(Path(os.fsdecode(file.path))))
                    self._note(pace)
            pool.shutdown(cancel_futures=True)
        self.report.stopped = True

    def _note(self, pace: Pace) -> None:
        if self.job is not None and time.monotonic() - self._noted > NOTE_EVERY:
            self._noted = time.monotonic()
            self.catalogue.note_job(self.job, pace.done, pace.total)


def _reason(error: MediaError) -> str:
    return f"{error.trouble}. {error.remedy}" if error.remedy else f"{error.trouble}."


def _or_none(value: float) -> float | None:
    return value if value == value and abs(value) != float("inf") else None
