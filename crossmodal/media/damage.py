"""What went wrong while a stream was read, counted, and said in a few lines."""

from dataclasses import dataclass

from av.error import FFmpegError

from crossmodal.errors import MediaError


@dataclass(slots=True)
class Damage:
    """Counts of one stream; `what` is `picture` or `sound`."""

    what: str
    n_packets: int = 0
    n_pieces: int = 0  # frames or blocks that came out
    n_undecodable: int = 0
    n_unreadable: int = 0
    n_corrupt: int = 0
    out_of_order: int = 0
    standing: int = 0
    jumps: int = 0
    measured: float = 0.0
    stated: float = 0.0
    last_error: FFmpegError | None = None

    def undecodable(self, error: FFmpegError) -> None:
        """A packet that the decoder would not take."""
        self.n_undecodable += 1
        self.last_error = error

    def unreadable(self, error: FFmpegError) -> None:
        """A place where the file could not be read on."""
        self.n_unreadable += 1
        self.last_error = error

    def compare(self, measured: float, stated: float) -> None:
        """Keep what was measured beside what the header states, in seconds."""
        self.measured, self.stated = measured, stated

    @property
    def is_cut(self) -> bool:
        """Does the stream stop well before the end that the header states?"""
        return (
            not self.jumps
            and 0 < self.stated < 86_400 * 7
            and self.measured < self.stated - max(0.25, 0.02 * self.stated)
        )

    def lines(self) -> list[str]:
        """A line for each kind of trouble that occurred."""
        lines = []
        if self.is_cut:
            lines.append(
                f"the {self.what} stops after {self.measured:.1f} s of {self.stated:.1f} s; what is there was used"
            )
        if self.n_undecodable:
            lines.append(
                f"{self.n_undecodable} of {self.n_packets} packets of the {self.what} are damaged; the rest was used"
            )
        if self.n_corrupt:
            lines.append(f"{self.n_corrupt} pieces of the {self.what} are damaged")
        if self.n_unreadable and not self.is_cut:
            lines.append(f"the file could not be read on at {self.n_unreadable} places; the rest was used")
        if self.out_of_order:
            lines.append(
                f"{self.out_of_order} time stamps of the {self.what} run backwards; those pieces were left out"
            )
        if self.standing:
            lines.append(f"{self.standing} time stamps of the {self.what} stand still; the pieces were put in a row")
        if self.jumps:
            lines.append(f"the time stamps of the {self.what} jump {self.jumps} times; the jumps were closed")
        return lines

    def nothing(self, name: str) -> MediaError:
        """The error for a stream of which nothing came out."""
        if self.n_undecodable:
            return MediaError(
                name, "corrupt", f"nothing of its {self.what} can be decoded", "Copy or download it again."
            )
        if self.n_unreadable:
            return MediaError(name, "truncated", f"stops before its {self.what} begins", "Copy or download it again.")
        return MediaError(name, "empty", f"lists a {self.what} and holds none of it", "Copy or download it again.")
