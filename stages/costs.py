"""Price the counted operations and the memory traffic of all models of a task."""

import sys

import paths
from spikesound.core.errors import run
from spikesound.params import Params


def main(task: str) -> None:
    params = Params.load(paths.PARAMS)
    models = {name: model for name, model in params.table().items() if model.task == task}
    # Below, numpy and pandas are imported: time that a wrong parameter need not wait for.
    from spikesound.core.json_files import write_json
    from spikesound.costs.layer import read_layers
    from spikesound.costs.models import counts_of
    from spikesound.costs.power import power_figures, power_tables, read_counts
    from spikesound.costs.tables import break_even_table, energy_table, figures
    from spikesound.params import twins

    plots, out = paths.METRICS / task / "costs", paths.of_task("costs", task)
    plots.mkdir(parents=True, exist_ok=True)
    files = {
        name: paths.of_model("evaluation", model) / "operations.csv"
        for name, model in models.items()
    }
    if task == "classification":
        counts = {
            name: counts_of(model, read_layers(files[name]), params.costs)
            for name, model in models.items()
        }
        energy_table(counts, params.costs).to_csv(plots / "energy.csv", index=False)
        curves = break_even_table(counts, twins(models), params.costs)
        curves.to_csv(plots / "break_even.csv", index=False)
        found: dict[str, dict[str, float | str]] = {
            name: figures(each, params.costs) for name, each in counts.items()
        }
    else:
        table = power_tables(
            {name: read_counts(file) for name, file in files.items()},
            {name: model.spiking for name, model in models.items()},
            params.costs,
        )
        table.round(6).to_csv(plots / "energy.csv", index=False)
        found = {name: dict(row) for name, row in power_figures(table, params.costs).items()}
    write_json(out / "costs.json", found)
    for name, row in found.items():
        print(f"{name}: {', '.join(f'{key} {value}' for key, value in row.items())}")
    print(f"{params.costs.profile}, {params.costs.dataflow}; all others: {plots}")


run(main, *sys.argv[1:])
