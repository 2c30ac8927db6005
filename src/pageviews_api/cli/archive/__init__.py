"""``pageviews-api archive``: make archives by hand or from cron, and look at them."""

import typer

from pageviews_api.cli.archive import making, reading

app = typer.Typer(help="The daily archive.", no_args_is_help=True)
app.command()(making.run)
app.command()(making.backfill)
app.command("list")(reading.list_)
app.command()(reading.verify)
app.command()(reading.show)
