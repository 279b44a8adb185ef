"""Price the counted operations and the memory traffic of every model."""

import paths
from spikesound.core.errors import run
from spikesound.params import Params
from spikesound.params.table import twins


def main() -> None:
    params = Params.load(paths.PARAMS)
    # Below, numpy and pandas are imported: time that a wrong parameter need not wait for.
    from spikesound.core.json_files import write_json
    from spikesound.costs.layer import read_layers
    from spikesound.costs.models import counts_of
    from spikesound.costs.tables import break_even_table, energy_table, figures

    table = {n: model for n, model in params.table().items() if model.task == "classification"}
    models = {
        name: counts_of(
            model, read_layers(paths.EVALUATION / name / "operations.csv"), params.costs
        )
        for name, model in table.items()
    }
    energy_table(models, params.costs).to_csv(paths.METRICS / "energy.csv", index=False)
    curves = break_even_table(models, twins(table), params.costs)
    curves.to_csv(paths.METRICS / "break_even.csv", index=False)
    found = {name: figures(model, params.costs) for name, model in models.items()}
    write_json(paths.COSTS, found)
    for name, row in found.items():
        print(f"{name}: {row['energy_nj']} nJ a clip, {row['energy_operations_nj']} without memory")
    print(
        f"{params.costs.profile}, {params.costs.dataflow}; all others: {paths.METRICS}/energy.csv, "
        f"{paths.METRICS}/break_even.csv"
    )


run(main)
