"""The `crossmodal` command group: lazy commands, one-line errors, exit codes."""

import sys
from importlib import import_module

import click

from crossmodal import __version__
from crossmodal.errors import CrossmodalError

# name -> (module, attribute, one line of help): the line stands here so that --help loads no command.
COMMANDS = {
    "app": ("app.cli.app", "app", "Start the page on this computer."),
    "demo": ("app.cli.demo", "demo", "Write the demo library: procedural tracks and clips."),
    "index": ("app.cli.index", "index", "Add folders of music (or clips) to a catalogue."),
    "match": ("app.cli.match", "match", "List the tracks that fit a clip best."),
    "score": ("app.cli.score", "score", "Score a table of (video, audio) pairs."),
    "train": ("app.cli.train", "train", "Train a model on manifests."),
    "extract": ("app.cli.extract", "extract", "Fill the feature store from a manifest."),
    "evaluate": ("app.cli.evaluate", "evaluate", "Recall of a model on a manifest."),
    "calibrate": ("app.cli.calibrate", "calibrate", "Fit the score of a model to a manifest."),
    "manifest": ("app.cli.manifest", "manifest", "Make, check, split and count manifests."),
}

DONE, SOME_FAILED, WRONG_USE, NOTHING_DONE = 0, 1, 2, 3


class LazyGroup(click.Group):
    """A group whose commands are imported when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        for one in (command, *getattr(command, "commands", {}).values()):
            if not any(param.name == "debug" for param in one.params):
                one.params.append(click.Option(["--debug"], is_flag=True, expose_value=False, help="Show tracebacks."))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, _, line) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="crossmodal")
def group() -> None:
    """Match music to video, on your own library. Nothing leaves this computer."""


def main() -> None:
    """Run the command line; a person gets one line, a traceback only with --debug."""
    debug = "--debug" in sys.argv
    try:
        code = group.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = WRONG_USE
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped. What was done is kept.", err=True)
        code = 130
    except CrossmodalError as error:
        if debug:
            raise
        click.echo(f"crossmodal: {error}", err=True)
        code = NOTHING_DONE
    except Exception as error:
        if debug:
            raise
        click.echo(
            f"crossmodal: {type(error).__name__}: {error}. This is a fault of ours; --debug shows where.", err=True
        )
        code = NOTHING_DONE
    sys.exit(code or DONE)
