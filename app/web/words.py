"""What the page says when something is wrong: what, why, what to do."""

from crossmodal.errors import CatalogueError, CrossmodalError, MediaError, one_line

PREDICATES = {"is", "has", "holds", "stops", "lists", "names", "may", "cannot"}
Trouble = dict[str, str]


def trouble(error: Exception, name: str | None = None) -> Trouble:
    """A message for the page.

    Args:
        error: what was raised.
        name: of the file, as the person knows it.

    Returns:
        `what`: a sentence with the reason, `do`: what to do about it, `kind`: for programs.
    """
    if isinstance(error, MediaError):
        return _of_media(error, one_line(name or error.file, 120))
    if isinstance(error, CatalogueError):
        if error.kind == "empty":
            return said("No music yet.", "Add a folder or files on the right.", "empty")
        return said(str(error), "", error.kind)
    if isinstance(error, CrossmodalError):
        return said(str(error), "", "refused")
    if isinstance(error, OSError):
        full = error.errno == 28
        return said("The disk is full." if full else f"The disk said: {error.strerror}.", "Make room, then try again.")
    return said(
        "Something went wrong in crossmodal itself.", "Look at the terminal it runs in, then try again.", "fault"
    )


def said(what: str, do: str = "", kind: str = "error") -> Trouble:
    """A message in its parts."""
    return {"what": what, "do": do, "kind": kind}


def _of_media(error: MediaError, name: str) -> Trouble:
    if error.kind == "not_media" and error.trouble.startswith("is "):
        return said(f"{name} is not a video: it {error.trouble}.", "Choose a video file.", error.kind)
    if error.kind == "no_video":
        return said(f"{name} has sound but no picture.", "Drop it on the music side.", error.kind)
    is_predicate = error.trouble.split(" ", 1)[0] in PREDICATES
    what = f"{name} {error.trouble}." if is_predicate else f"{name} cannot be used: {error.trouble}."
    return said(what, error.remedy, error.kind)
