"""Generative pictures that follow the music: `edit` cuts and drives, the scenes draw."""

from crossmodal.demo.pictures.drive import Drive, hear
from crossmodal.demo.pictures.edit import Film, plan_film

__all__ = ["Drive", "Film", "hear", "plan_film"]
