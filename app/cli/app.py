"""`crossmodal app`: start the page on this computer."""

import click


@click.command()
@click.option("--catalogue", "-c", default=None, help="Folder made by `index`. None there: the demo library is made.")
@click.option("--model", default="compact", show_default=True, help="A bundled model's name, or a model folder.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=7860, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="A further host name that the page may be asked by.")
@click.option(
    "--allow-folder", multiple=True, metavar="DIR", help="A folder that other computers may name, with all in it."
)
@click.option("--max-upload", default="4gb", show_default=True, help="Largest file that is taken.")
def app(
    catalogue: str | None,
    model: str,
    host: str,
    port: int,
    allow_host: tuple[str, ...],
    allow_folder: tuple[str, ...],
    max_upload: str,
) -> None:
    """Start the page: drop a video, hear the music that fits. Nothing leaves this computer.

    \b
    Examples:
        crossmodal app
        crossmodal app -c ~/music-catalogue --port 8000
        crossmodal app --host 0.0.0.0 --allow-host studio.local --allow-folder /srv/music
    """
    from app.web.server import Settings, serve  # gradio and torch load here, so that --help does not wait for them

    settings = Settings(catalogue, model, host, port, allow_host, allow_folder, max_upload)
    serve(settings, say=lambda line: click.echo(line, err=True))
