"""Price the counted operations and the memory traffic of all models of a task."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(task: str) -> None:
    params = Params.load(paths.PARAMS)
    models = {name: model for name, model in params.table().items() if model.task == task}
    fold = params.task_params(task).folds[0]
    # Below, numpy and pandas are imported: time that a wrong parameter need not wait for.
    from spikesound.core.json_files import write_json
    from spikesound.costs.accounts import account_tables
    from spikesound.costs.front_end import SoundInput, front_end_nj
    from spikesound.costs.layer import read_layers
    from spikesound.costs.models import counts_of
    from spikesound.costs.power import (
        power_figures,
        power_tables,
        read_counts,
        stream_counts,
        tables_of_power,
    )
    from spikesound.costs.tables import break_even_table, energy_table, figures
    from spikesound.features import clip_samples
    from spikesound.features.front_end import read_front_end
    from spikesound.params import twins

    plots, out = paths.METRICS / task / "costs", paths.of_task("costs", task)
    plots.mkdir(parents=True, exist_ok=True)
    features = read_front_end(paths.of_task("features", task), fold).features
    files = {
        name: paths.of_model("evaluation", model) / "operations.csv"
        for name, model in models.items()
    }
    if task == "classification":
        sound = SoundInput(features, clip_samples(features) / features.rate_hz)
        technology = params.costs.profiles[params.costs.front_end]
        operations, memory = front_end_nj(sound, technology, params.costs.memory)
        print(f"front end: operations {operations:.0f} nJ a clip, memory {memory:.0f} nJ")
        counts = {
            name: counts_of(model, read_layers(files[name]), params.costs, sound)
            for name, model in models.items()
        }
        energy_table(counts, params.costs).to_csv(plots / "energy.csv", index=False)
        curves = break_even_table(counts, twins(models), params.costs)
        curves.to_csv(plots / "break_even.csv", index=False)
        found: dict[str, dict[str, float | str]] = {
            name: figures(each, params.costs) for name, each in counts.items()
        }
        tables = account_tables(counts, twins(models), params.costs)
    else:
        by_sound = {name: read_counts(file) for name, file in files.items()}
        spiking = {name: model.spiking for name, model in models.items()}
        table = power_tables(by_sound, spiking, params.costs)
        table.round(6).to_csv(plots / "energy.csv", index=False)
        found = {name: dict(row) for name, row in power_figures(table, params.costs).items()}
        counts = stream_counts(by_sound, spiking, features)
        tables = tables_of_power(account_tables(counts, twins(models), params.costs))
    for name, table in tables.items():
        table.to_csv(plots / f"{name}.csv", index=False)
    write_json(out / "costs.json", found)
    for name, row in found.items():
        print(f"{name}: {', '.join(f'{key} {value}' for key, value in row.items())}")
    print(f"{params.costs.profile}, {params.costs.dataflow}; all others: {plots}")


run(main, *sys.argv[1:])
