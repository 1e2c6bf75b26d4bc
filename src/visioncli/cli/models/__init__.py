"""`vision models`: what there is, what it costs, and its weights. Only `layers` imports torch."""

from visioncli.cli.help_pages import Command
from visioncli.cli.models import compiling, computing, kept, listing, plotting, weights
from visioncli.cli.models.listing import app

__all__ = ["app"]

app.command("info", cls=Command)(listing.info)
app.command("plot", cls=Command)(plotting.plot)
app.command("layers", cls=Command)(computing.layers)
app.command("arithmetic", cls=Command)(computing.arithmetic)
app.command("list", cls=Command)(weights.list_models)
app.command("pull", cls=Command)(weights.pull)
app.command("compile", cls=Command)(compiling.compile_models)
app.command("path", cls=Command)(weights.path)
app.command("verify", cls=Command)(weights.verify)
app.command("remove", cls=Command)(kept.remove)
