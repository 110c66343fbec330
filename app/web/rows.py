"""What the page shows, as HTML: every title, name and message is escaped here and nowhere else."""

from html import escape
from math import floor
from urllib.parse import quote

from crossmodal.errors import one_line
from crossmodal.matching import Match, Matches


def text(value: object) -> str:
    """`value` as one line of HTML text; tags and titles are hostile."""
    return escape(one_line(str(value), 200), quote=True)


def clock(seconds: float) -> str:
    """Seconds as m:ss, or h:mm:ss from an hour."""
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def title(match: Match) -> str:
    """The track's title; the catalogue puts the file name where it has none."""
    return match.track.title


def match_list(matches: Matches, chosen: int) -> str:
    """The ranked tracks: title, artist, length, start, word and score."""
    head = f"<h2>{len(matches.matches)} tracks for this clip</h2><p>compared with {matches.query.compared:,}</p>"
    rows = "".join(row(rank, match, rank == chosen) for rank, match in enumerate(matches.matches))
    return f'<section class="cm-list" aria-label="Tracks">{head}<ol>{rows}</ol></section>'


def row(rank: int, match: Match, is_chosen: bool) -> str:
    artist = f"{text(match.track.artist)} · " if match.track.artist else ""
    word = f"{text(match.word).capitalize()} fit" if match.word else "Fit not calibrated"
    score = "" if match.score is None else f"{match.score:.2f}"
    better = "" if match.percentile is None else f"better than {min(99.9, floor(10 * match.percentile) / 10):.1f} %"
    return (
        f'<li><button class="cm-match" data-rank="{rank}" aria-pressed="{str(is_chosen).lower()}">'
        f'<span class="cm-what"><b>{text(title(match))}</b><span>{artist}{clock(match.track.duration)}</span>'
        f"<b>from {clock(match.start)}</b></span>"
        f'<span class="cm-fit"><b>{word}</b> {score}<span>{better}</span></span></button></li>'
    )


def player(match: Match) -> str:
    """The track by itself, from the second that fits."""
    source = f"/media/{match.track.id}#t={match.start:.2f}"
    others = [f"{text(place.path.name)} (from {clock(place.start)})" for place in match.other_places]
    also = f"<p>The same recording: {', '.join(others)}</p>" if others else ""
    return (
        f'<div class="cm-player"><p><b>{text(title(match))}</b> {text(match.track.artist or "")}'
        f" · from {clock(match.start)} of the track</p>"
        f'<audio controls preload="metadata" src="{escape(source)}" aria-label="The track by itself"></audio>'
        f"{also}</div>"
    )


def preview(name: str, note: str) -> str:
    """The clip with the chosen music under it."""
    return (
        f'<figure class="cm-preview"><video controls autoplay playsinline src="/preview/{quote(name)}"'
        f' aria-label="The clip with this music"></video><figcaption>{text(note)}'
        f' <a href="/preview/{quote(name)}" download="with-music.mp4">Save video</a></figcaption></figure>'
    )


def trouble(message: object) -> str:
    """An error, announced."""
    return f'<div class="cm-trouble" role="alert">{text(message)}</div>'


def notice(message: str) -> str:
    """A line about what is going on."""
    return f'<div class="cm-notice" role="status">{text(message)}</div>'
