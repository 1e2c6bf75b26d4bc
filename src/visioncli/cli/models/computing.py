"""`vision models layers` and `vision models arithmetic`."""

import dataclasses
import json as json_module
import math
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from visioncli.cli.models.listing import JsonOption
from visioncli.cli.models.tables import count, write_table
from visioncli.cli.own_network import AnyName, LabelsOption, WeightsOption
from visioncli.cli.shared_options import OfflineOption

if TYPE_CHECKING:
    from visioncli.anatomy.layers import Layer


def layers(
    name: AnyName,
    size: Annotated[
        int | None,
        typer.Option(
            "--input",
            "-i",
            metavar="N",
            min=1,
            max=8192,
            help="Pixels of each side.",
            show_default="the network's own",
        ),
    ] = None,
    weights: WeightsOption = None,
    labels: LabelsOption = None,
    offline: OfflineOption = False,
    json: JsonOption = False,
) -> None:
    """Show each layer: output, parameters, multiply-adds, geometry and receptive field. Needs no weights."""
    from visioncli.anatomy.layers import layer_table
    from visioncli.resolve import describe
    from visioncli.weights.downloads import Access

    row = describe(name, weights=weights, labels=labels, access=Access.of(offline))
    table = layer_table(row, size)
    if json:
        for layer in table.layers:
            body = dataclasses.asdict(layer)
            body["receptive_field"] = _pixels(layer)
            del body["sight"]
            sys.stdout.write(json_module.dumps(body) + "\n")
        return
    head = ("layer", "kind", "output", "parameters", "mult-adds", "kernel", "stride", "padding", "dilation", "sees")
    rows = [
        (
            layer.name,
            layer.kind,
            "x".join(map(str, layer.output[1:])) or "-",
            f"{layer.parameters:,}",
            count(layer.multiply_adds),
            layer.kernel or "-",
            layer.stride or "-",
            layer.padding or "-",
            layer.dilation or "-",
            str(_pixels(layer) or "-"),
        )
        for layer in table.layers
    ]
    write_table(head, rows, right=(3, 4))
    total = (
        f"{name} at {table.size} x {table.size}: {table.parameters:,} parameters, "
        f"{table.multiply_adds / 1e9:.3f} G multiply-adds. sees: receptive field in pixels of the input."
    )
    sys.stderr.write(" ".join([total, table.note]).rstrip() + "\n")


def _pixels(layer: "Layer") -> int | str | None:
    """The receptive field: a number, `AxB` where it is not square, `all`, or None where it is not known."""
    if layer.sight is None:
        return None
    fields = layer.sight.field
    if math.inf in fields:
        return "all"
    down, across = (round(f) for f in fields)
    return down if down == across else f"{down}x{across}"


def arithmetic(
    size: Annotated[int, typer.Option("--input", "-i", metavar="N", help="Pixels that come in.")],
    kernel: Annotated[int, typer.Option("--kernel", "-k", metavar="N", help="Pixels of the kernel.")],
    stride: Annotated[int, typer.Option("--stride", "-s", metavar="N", help="Step of the kernel.")] = 1,
    padding: Annotated[
        str, typer.Option("--padding", "-p", metavar="same|valid|full|N", help="Pixels added at each side.")
    ] = "valid",
    dilation: Annotated[int, typer.Option("--dilation", "-d", metavar="N", help="Distance of kernel points.")] = 1,
    transposed: Annotated[bool, typer.Option("--transposed", help="A transposed (upsampling) convolution.")] = False,
    output_padding: Annotated[int, typer.Option("--output-padding", metavar="N", help="With --transposed.")] = 0,
    json: JsonOption = False,
) -> None:
    """Work out the output size of a convolution or pooling, with the formula.

    After Dumoulin and Visin, A guide to convolution arithmetic for deep learning, 2016.
    """
    from visioncli.anatomy.arithmetic import convolution

    answer = convolution(
        size, kernel, stride, padding, dilation, transposed=transposed, output_padding=output_padding
    )
    if json:
        sys.stdout.write(json_module.dumps(dataclasses.asdict(answer)) + "\n")
        return
    word = "cut off" if transposed else "padding"
    sides = f"{answer.before}" if answer.before == answer.after else f"{answer.before} before, {answer.after} after"
    lines = [
        f"output: {answer.output}",
        *answer.steps,
        f"{word} at each end: {sides}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
