"""The same networks by other programs: SpikingJelly's counters, SANA-FE's chips, NEST.

    python benchmarks/opinions.py [--classifier FOLDER] [--detector FOLDER] [--clips 2]

Needs the extra `opinions`. Without models it trains a narrow spiking CNN on ESC-10, and a spiking
detector on a few scenes, in build/opinions: simulators hold each synapse by itself, of which the
default CNN has ten millions. Recordings are ESC-10's, of the held-out fold. Tables, and
benchmarks/results/opinions.json.
"""

from __future__ import annotations

# Before torch: it sets how OpenMP's threads wait.
import spikesound  # noqa: F401  # isort: skip

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from machine import machine, versions

from spikesound.audio.reading import blocks
from spikesound.core.errors import run
from spikesound.core.json_files import write_json
from spikesound.core.progress import track
from spikesound.costs.by_frame import mean_layers
from spikesound.costs.counting import Counted, count_frames, counting
from spikesound.costs.layer import LayerCounts
from spikesound.costs.spikingjelly.counts import figures
from spikesound.costs.spikingjelly.energies import energies
from spikesound.costs.spikingjelly.watching import watched
from spikesound.costs.tables import Counts, price
from spikesound.inference.simulators.nest import run_nest
from spikesound.inference.simulators.populations import Graph, graph_of
from spikesound.inference.simulators.reference import Reference, differences, margin, reference
from spikesound.inference.simulators.sana_fe import run_sana_fe
from spikesound.models.build import build
from spikesound.models.loading import TrainedModel, load
from spikesound.params import Params

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks/results/opinions.json"
BUILD = ROOT / "build/opinions"
Row = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--classifier", type=Path)
    parser.add_argument("--detector", type=Path)
    parser.add_argument("--clips", type=int, default=2, help="of each model")
    parser.add_argument("--epochs", type=int, default=12, help="of a model that is trained here")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    torch.set_num_threads(1)
    params = Params.load(ROOT / "params.yaml")
    import stand_ins

    classifier = given.classifier or stand_ins.classifier(params, BUILD, given.epochs)
    detector = given.detector
    if detector is None:
        name = "snn-tcn-strong"
        detector = stand_ins.detectors([name], params, BUILD, given.epochs) / name
    models = {"classifier": load(classifier), "detector": load(detector)}
    files = {
        name: held_out(stand_ins.recordings(), model, given.clips) for name, model in models.items()
    }
    content: Row = {
        "bench": "opinions",
        "models": {name: facts(model) for name, model in models.items()},
        "spikingjelly": of_spikingjelly(models["classifier"], files["classifier"], params),
        "sana_fe": [],
        "nest": [],
    }
    runs = [(name, file) for name in models for file in files[name]]
    graphs: dict[str, Graph] = {}
    for name, file in track(runs, total=len(runs), what="simulators", unit="recording"):
        model = models[name]
        graph = graphs.setdefault(name, graph_of(model))
        own = reference(model, inputs_of(model, file))
        shared = sizes(model, file.stem, graph, own)
        content["nest"].append(shared | of_nest(graph, own))
        content["sana_fe"].append(shared | of_loihi(model, file, graph, own, params))
    content["sana_fe"].append(of_truenorth(models["classifier"], files["classifier"][0]))
    show(content)
    used = versions("torch", "spikingjelly", "sanafe", "nest-simulator")
    write_json(given.out, content | {"machine": machine(), "versions": used})
    print(f"opinions: {given.out}")


def held_out(recordings: Any, model: TrainedModel, count: int) -> list[Path]:
    """Return recordings that the model was not trained on, of different classes."""
    mine = recordings[recordings["fold"] == model.spec.fold].groupby("label").head(1)
    return [Path(file) for file in mine["file"]][:count]


def facts(model: TrainedModel) -> Row:
    """Return what a model is."""
    return {
        "name": model.name,
        "fold": model.spec.fold,
        "network": model.spec.network_params,
        "neuron": model.spec.neuron_params,
        "encoding": model.spec.encoding,
        "steps": model.spec.steps,
    }


def features_of(model: TrainedModel, file: Path) -> np.ndarray:
    """Return a recording's features (frame, bin)."""
    samples = np.concatenate(list(blocks(file, model.front_end.rate_hz)))
    if model.clip_s is not None and not model.detects:
        length = round(model.clip_s * model.front_end.rate_hz)
        samples = np.pad(samples[:length], (0, max(0, length - len(samples))))
    return model.front_end.whole(samples.astype(np.float32))


def inputs_of(model: TrainedModel, file: Path) -> torch.Tensor:
    """Return a network's input of one recording."""
    features = features_of(model, file)
    return torch.from_numpy(features)[:, None] if model.detects else model.inputs(features)


def of_spikingjelly(model: TrainedModel, files: list[Path], params: Params) -> Row:
    """Return SpikingJelly's counts and energies of a batch of recordings beside ours."""
    seen = watched(model, torch.cat([inputs_of(model, file) for file in files], 1))
    rows = figures(seen, params.costs) + energies(seen, params.costs)
    return {
        "clips": len(files),
        "rows": [asdict(row) | {"explained": row.explained} for row in rows],
    }


def sizes(model: TrainedModel, clip: str, graph: Graph, own: Reference) -> Row:
    """Return the columns that the rows of both simulators have."""
    return {
        "model": model.name,
        "reset": graph.populations[0].reset,
        "clip": clip,
        "steps": own.steps,
        "neurons": sum(each.size for each in graph.populations),
        "synapses": sum(len(each.weight) for each in graph.projections),
        "spikes": sum(int(each.sum()) for each in own.spikes.values()),
    }


def of_nest(graph: Graph, own: Reference) -> Row:
    """Return how many spikes differ in NEST."""
    return {"different": sum(differences(own, run_nest(graph, own)).values())}


def of_loihi(model: TrainedModel, file: Path, graph: Graph, own: Reference, params: Params) -> Row:
    """Return energy and time on Loihi beside ours, of the layers that are on the chip."""
    layers = on_chip(counted(model, file), own)
    found = run_sana_fe(graph, own, "loihi")
    return (
        {"chip": "loihi", "different": sum(differences(own, found.spikes).values())}
        | {"margin": margin(graph, own, found.spikes), "unit": found.unit}
        | {"synops": round(sum(layer.effective for layer in layers))}
        | {"events": found.counts["spikes"], "itself": itself(graph, own)}
        | {"messages": found.counts["packets_sent"], "updates": found.counts["neurons_updated"]}
        | {f"{name}_uj": joules * 1e6 for name, joules in found.energy_j.items()}
        | {"chip_s": found.seconds, "cores": found.cores}
        | ours_uj(layers, params)
    )


def of_truenorth(model: TrainedModel, file: Path) -> Row:
    """Return the row of TrueNorth, of the same weights with neurons that do not leak."""
    section = {"threshold": 1.0, "initial": 0.0, "surrogate": "atan", "slope": 2.0}
    spec = model.spec.with_neuron("integrate_and_fire", section)
    network = build(spec)
    network.load_state_dict(model.network.state_dict(), strict=False)
    other = TrainedModel(spec, network.eval())
    graph, own = graph_of(other), reference(other, inputs_of(other, file))
    found = run_sana_fe(graph, own, "truenorth")
    return (
        sizes(other, file.stem, graph, own)
        | {"chip": "truenorth", "different": sum(differences(own, found.spikes).values())}
        | {"events": found.counts["spikes"], "messages": found.counts["packets_sent"]}
        | {"total_uj": found.energy_j["total"] * 1e6, "chip_s": found.seconds}
        | {"cores": found.cores}
    )


def itself(graph: Graph, own: Reference) -> int:
    """Return how many spikes reset their neuron by a synapse to itself."""
    return sum(
        int(own.spikes[each.name].sum())
        for each in graph.populations
        if each.reset == "subtract" and each.beta != 1
    )


def counted(model: TrainedModel, file: Path) -> list[LayerCounts]:
    """Return our counts of one recording."""
    given = inputs_of(model, file)
    if model.detects:
        clip = given.numpy().swapaxes(0, 1)
        return mean_layers(count_frames(model.network, model.spec, clip), clip.shape[1])
    found = Counted()
    with torch.no_grad(), counting(model.network, model.spec, found):
        model.network(given)
    return found.layers


def on_chip(layers: list[LayerCounts], own: Reference) -> list[LayerCounts]:
    """Return the hidden layers, the first without its synapses, which are not on the chip."""
    first, *others = [layer for layer in layers if layer.layer in own.spikes]
    bare = replace(first, inputs=0, weights=0, dense=0.0, effective=0.0, active_inputs=0.0,
                   distinct=0.0)  # fmt: skip
    return [bare, *others]


def ours_uj(layers: list[LayerCounts], params: Params) -> Row:
    """Return our energies of the same layers: the account shown first, and an event chip's."""
    counts = Counts(layers, "events", stream=True)
    found = {}
    for name, profile, dataflow in (
        ("ours_stated_uj", params.costs.profile, params.costs.dataflow),
        ("ours_int8_input_stationary_uj", "int8_45nm", "input_stationary"),
        ("ours_int8_no_reuse_uj", "int8_45nm", "no_reuse"),
    ):
        found[name] = price(counts, params.costs, profile, dataflow).total_nj / 1000
    return found


def show(content: Row) -> None:
    """Print the tables."""
    print(
        "\nSpikingJelly, a batch of recordings\n\n| what | layer | ours | theirs | by rule | why |"
    )
    print("|---|---|---:|---:|---:|---|")
    for row in content["spikingjelly"]["rows"]:
        cells = [
            row["what"],
            row["layer"],
            *(f"{row[k]:,.0f}" for k in ("ours", "theirs", "by_rule")),
        ]
        print(f"| {' | '.join([*cells, row['why'] or 'the same'])} |")
    for part in ("sana_fe", "nest"):
        for row in content[part]:
            print(f"{part}: " + ", ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    run(main)
