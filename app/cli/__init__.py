"""The `crossmodal` command: one file a command, each loaded when called."""

from app.cli.main import main

__all__ = ["main"]
