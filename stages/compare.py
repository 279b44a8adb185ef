"""Set all models side by side."""

import paths
from spikesound.errors import run
from spikesound.params import Params


def main() -> None:
    params = Params.load(paths.PARAMS)
    # Below, scikit-learn is imported: seconds that a wrong parameter need not wait for.
    from spikesound.evaluation.baseline import MODEL
    from spikesound.evaluation.summary import compare
    from spikesound.evaluation.table import text_table
    from spikesound.evaluation.write import read_metrics
    from spikesound.jsonfile import write_json

    models = [MODEL, *params.models.names()]
    summary = compare({model: read_metrics(paths.METRICS, model) for model in models})
    write_json(paths.METRICS / "summary.json", summary)
    print(text_table(summary))
    print(f"all figures: {paths.METRICS / 'summary.json'}; a page of them: make report")


run(main)
