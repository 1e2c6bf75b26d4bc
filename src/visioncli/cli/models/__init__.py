"""`vision models`: what there is, what it costs, and its weights. Only `layers` imports torch."""

from visioncli.cli.models import compiling, computing, listing, weights
from visioncli.cli.models.listing import app

__all__ = ["app"]

app.command("info")(listing.info)
app.command("plot")(listing.plot)
app.command("layers")(computing.layers)
app.command("arithmetic")(computing.arithmetic)
app.command("list")(weights.list_models)
app.command("pull")(weights.pull)
app.command("compile")(compiling.compile_models)
app.command("path")(weights.path)
app.command("verify")(weights.verify)
app.command("remove")(weights.remove)
