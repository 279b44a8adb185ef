"""``spikesound cost``: what a spiking network of another library costs, beside its twin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import pandas as pd

    from spikesound.costs.foreign.result import Cost

FORMATS = ("table", "json", "csv")


def cost(
    model: Annotated[
        str, typer.Argument(help="FILE.nir, FILE.pt, FILE.py:FACTORY or PACKAGE.MODULE:FACTORY.")
    ],
    sample: Annotated[
        str, typer.Option(help="Input: .npy, .npz[:NAME] or .pt, with the axes of --layout.")
    ] = "",
    shape: Annotated[
        str, typer.Option(help="Instead of a sample: sizes, as 10,1,2,32,32, of drawn spikes.")
    ] = "",
    rate: Annotated[float, typer.Option(help="Probability of a spike, with --shape.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Of the drawn spikes.")] = 0,
    layout: Annotated[
        str, typer.Option(help="First axes: tb (time, batch), bt, or b (batch alone).")
    ] = "tb",
    given: Annotated[
        str,
        typer.Option(
            "--input",
            help="The input is spikes, values, or constant over time; auto: spikes if all are 0 "
            "or 1.",
        ),
    ] = "auto",
    each_step: Annotated[
        bool,
        typer.Option(
            "--each-step", help="Call the network once per time step (NIR: always), not once."
        ),
    ] = False,
    steps: Annotated[
        int | None, typer.Option(help="Time steps, of a sample of layout b, with --each-step.")
    ] = None,
    dt_s: Annotated[
        float | None, typer.Option("--dt", help="Of a NIR file: length of a time step, s.")
    ] = None,
    run_code: Annotated[
        bool, typer.Option("--run-code", help="Execute the code that builds the network.")
    ] = False,
    params: Annotated[
        Path | None,
        typer.Option(help="Parameter file with technologies; by default the published ones."),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="table, json or csv")] = "table",
) -> None:
    """Count a spiking network of snnTorch, SpikingJelly, Norse or NIR on an input.

    Operations, memory, memory traffic and energy under every technology and dataflow, the
    break-even spike rate, and the conventional twin: same weights, ReLU, one step.
    """
    from spikesound.core.errors import SpikesoundError, unknown
    from spikesound.core.extras import needing

    with needing("cost"):
        from spikesound.costs.foreign.accounts import accounts
        from spikesound.costs.foreign.loading import load_network
        from spikesound.costs.foreign.nir_network import NIRNetwork
        from spikesound.costs.foreign.result import cost_of
        from spikesound.costs.foreign.sample import LAYOUTS, VALUES, Sample, drawn, read_sample

    for name, value, valid in (
        ("format", form, FORMATS),
        ("layout", layout, LAYOUTS),
        ("input", given, VALUES),
    ):
        if value not in valid:
            raise unknown(name, value, valid)
    if bool(sample) == bool(shape):
        raise SpikesoundError("give an input: either --sample FILE or --shape SIZES")
    prices = accounts(params)
    x = read_sample(sample) if sample else drawn(shape, rate, seed)
    network = load_network(model, run_code=run_code, dt_s=dt_s)
    called = each_step or isinstance(network, NIRNetwork)
    what = Sample(x, layout, given, steps, called)  # type: ignore[arg-type]
    found = cost_of(network, what, prices, model)
    if form == "json":
        print(json.dumps(found.facts(), indent=2))
    elif form == "csv":
        print(found.energies().to_csv(index=False), end="")
    else:
        print_cost(found)


def print_cost(found: Cost) -> None:
    """Print the layers, the sums of operations, and every account."""
    console, counted = Console(), found.counted
    if not console.is_terminal:
        console = Console(width=120)
    _print(
        console,
        f"{found.name}: {counted.steps} time steps, input: {counted.values}, "
        f"{counted.rate:.4f} spikes per neuron and step; figures are of one sample",
    )
    layers = found.layers()
    columns = ["layer", "class", "source", "operation", "neuron", "passes", "weights", "dense"]
    columns += ["effective", "active_outputs", "neuron_updates"]
    short = {"operation": "op", "active_outputs": "fired", "neuron_updates": "updates"}
    console.print(_table("operations by layer", layers[columns].rename(columns=short)))
    operations = found.operations()
    short = {"dense_operations": "dense", "effective_macs": "eff. MAC", "effective_acs": "eff. AC"}
    short |= {"neuron_updates": "updates", "macs": "MAC", "acs": "AC"}
    columns = ["model", "execution", *short]
    title = "operations: of all inputs, of nonzero ones (eff.), as executed (MAC, AC)"
    console.print(_table(title, operations[columns].rename(columns=short)))
    energies = found.energies()
    title = "energy with memory traffic, nJ; the twin dense and with zeros skipped (skip)"
    console.print(_table(title, _energies(energies)))
    console.print(_table("memory and memory traffic, kB", _memory(energies, found.params.profile)))
    _print(console, "break-even: spikes per neuron and step; -: the twin needs less at any rate")
    for line in summary(energies):
        _print(console, line)


def summary(found: pd.DataFrame) -> list[str]:
    """Return the range of the ratios over all accounts, and each side at its best dataflow.

    ``full_reuse`` is a bound that no chip reaches, and none of these.
    """
    lines = []
    for label, what in (("dense", "its twin"), ("zero_skipping", "its twin with zeros skipped")):
        ratios = found["network_nj"] / found[f"twin_{label}_nj"]
        wins = int((ratios < 1).sum())
        lines.append(
            f"energy of {what}: {ratios.min():.2f} to {ratios.max():.2f} times over "
            f"{len(found)} accounts, less in {wins} of them"
        )
    reached = found[found["dataflow"] != "full_reuse"]
    for profile, rows in reached.groupby("profile", sort=False):
        own = rows.iloc[int(rows["network_nj"].argmin())]
        best = rows[["twin_dense_nj", "twin_zero_skipping_nj"]].min(axis=1)
        other = rows.iloc[int(best.argmin())]
        lines.append(
            f"{profile}, each at its best dataflow: network {_figure(own['network_nj'])} nJ "
            f"({own['dataflow']}), twin {_figure(best.min())} nJ ({other['dataflow']})"
        )
    return lines


def _energies(found: pd.DataFrame) -> pd.DataFrame:
    names = {
        "network_nj": "network",
        "twin_dense_nj": "twin",
        "twin_zero_skipping_nj": "skip",
        "break_even_dense": "break-even",
        "break_even_zero_skipping": "(skip)",
    }
    table = found[["profile", "dataflow", *names]].rename(columns=names)
    table.insert(5, "/ twin", (found["network_nj"] / found["twin_dense_nj"]).round(3))
    table.insert(6, "/ skip", (found["network_nj"] / found["twin_zero_skipping_nj"]).round(3))
    return table


def _memory(found: pd.DataFrame, profile: str) -> pd.DataFrame:
    names = {
        "network_memory_kb": "memory: network",
        "twin_dense_memory_kb": "twin",
        "network_traffic_kb": "traffic: network",
        "twin_dense_traffic_kb": "twin ",
        "twin_zero_skipping_traffic_kb": "skip",
    }
    rows = found[found["profile"] == profile]
    return rows[["profile", "dataflow", *names]].rename(columns=names)


def _table(title: str, rows: pd.DataFrame) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for number, name in enumerate(rows):
        text = any(isinstance(value, str) for value in rows[name])
        overflow: Any = "fold" if number == 0 else "ellipsis"
        table.add_column(
            str(name), justify="left" if text else "right", overflow=overflow, no_wrap=number > 0
        )
    for row in rows.itertuples(index=False):
        table.add_row(*(_plain(_figure(value)) for value in row))
    return table


def _figure(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None or value != value:  # an empty cell of a table is not equal to itself
        return "-"
    whole = float(value).is_integer() or abs(value) >= 1000
    return f"{value:,.0f}" if whole else f"{value:.4g}"


def _print(console: Console, line: str) -> None:
    console.print(_plain(line), soft_wrap=True)


def _plain(text: str) -> Text:
    # Names come from files: what a terminal takes for commands is not printed.
    return Text("".join(c if c.isprintable() else "�" for c in text))
