"""Options that several commands share, so that they are called and explained alike."""

import click

root_option = click.option(
    "--root", type=click.Path(file_okay=False), help="What relative paths start from; default: the manifest's folder."
)
store_option = click.option("--store", type=click.Path(), help="Feature store; default: the user's cache.")
workers_option = click.option("--workers", type=click.IntRange(1), help="Files read at once; default: one a core.")
json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
