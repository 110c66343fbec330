"""`crossmodal app`: start the page on this computer."""

import click


@click.command()
@click.option("--catalogue", "-c", default=None, help="Folder made by `index`. Empty: the demo library is made there.")
@click.option("--model", default="compact", show_default=True, help="A bundled model's name, or a model folder.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=7860, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="A further host name that the page may be asked by.")
@click.option("--max-upload", default="4gb", show_default=True, help="Largest clip that is taken.")
def app(catalogue: str | None, model: str, host: str, port: int, allow_host: tuple[str, ...], max_upload: str) -> None:
    """Start the page: drop a video, hear the music that fits. Nothing leaves this computer.

    \b
    Examples:
        crossmodal app
        crossmodal app -c ~/music-catalogue --port 8000
    """
    from app.web.server import Settings, serve  # gradio and torch load here, so that --help does not wait for them

    serve(Settings(catalogue, model, host, port, allow_host, max_upload), say=lambda line: click.echo(line, err=True))
