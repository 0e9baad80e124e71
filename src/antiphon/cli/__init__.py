"""The command line: `antiphon serve`, `pull`, `talk` and the rest. Each command's module has its name."""

import typer

from antiphon.cli.check import check
from antiphon.cli.config import app as config_app
from antiphon.cli.doctor import doctor
from antiphon.cli.health import health, version
from antiphon.cli.relay import relay
from antiphon.cli.replay import replay
from antiphon.cli.serve import serve
from antiphon.cli.talk import talk
from antiphon.cli.weights import listing, pull, remove

app = typer.Typer(
    name="antiphon",
    help="The open Realtime server: any client of the OpenAI Realtime API, answered by models of your own.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve)
app.command()(relay)
app.command()(talk)
app.command()(check)
app.command()(replay)
app.command()(pull)
app.command("list")(listing)
app.command("rm")(remove)
app.add_typer(config_app, name="config")
app.command()(doctor)
app.command()(health)
app.command()(version)
