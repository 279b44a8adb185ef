"""A task's run, read from its folders: all that the page is made from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spikesound.core import schema
from spikesound.core.json_files import read_mapping
from spikesound.evaluation.classification import read_predictions
from spikesound.evaluation.curves import read_curves
from spikesound.evaluation.measures import MULTILABEL
from spikesound.evaluation.places import Places
from spikesound.evaluation.predictions import to_matrix
from spikesound.evaluation.summary import Metrics
from spikesound.features.front_end import read_front_end
from spikesound.report.clips import choose_clips
from spikesound.report.context import shown_models
from spikesound.report.detected import choose_examples, detect, with_dataset
from spikesound.report.families import Rows
from spikesound.report.gather import Folders, gather
from spikesound.report.inputs import Clip, ReportInputs
from spikesound.report.provenance import git_blob
from spikesound.report.results import ResultFolders, read_results


@dataclass(frozen=True)
class RunFolders:
    """Paths of the artefacts of a task's run.

    Attributes
    ----------
    find : returns where a model's results lie
    summary : file of all models' figures
    audio, features : of the download and of the features stage
    inputs, networks : by model and held-out fold, the folder of the shards that a network takes,
        and of the trained network
    predictions : folder with a folder for each model
    results : of the other measurements
    credits : table of who made each recording; need not be there
    parameters : params.yaml
    """

    find: Callable[[str], Places]
    summary: Path
    audio: Path
    features: Path
    inputs: Mapping[str, Mapping[str, Path]]
    networks: Mapping[str, Mapping[str, Path]]
    predictions: Path
    results: ResultFolders
    credits: Path
    parameters: Path


def read_run(
    task: str,
    table: Rows,
    folders: RunFolders,
    *,
    confidence: float,
    provenance: Mapping[str, str],
    clip_ids: Sequence[str] = (),
) -> ReportInputs:
    """Return the inputs of the page.

    Parameters
    ----------
    table : rows of the table of models, of the task
    confidence : of the intervals; a summary of classification has its own
    provenance : what the page is made with; Git's name of the summary is put before it
    clip_ids : clips to listen to; none: chosen by how the models shown did

    Raises
    ------
    SpikesoundError
        If a file is missing or damaged.
    """
    summary: dict[str, Metrics] = read_mapping(folders.summary)
    models = [name for name in summary if name != "dataset"]
    places = folders.find(models[0])
    status = schema.read_table(places.status, schema.STATUS)
    if task == "detection":
        summary = with_dataset(summary, folders.predictions, status, confidence)
        predictions = {}
    else:
        predictions = {name: read_predictions(folders.find(name).predictions) for name in models}
    curves = {name: folders.find(name).curves for name in models}
    inputs = ReportInputs(
        task=task,
        table=table,
        summary=summary,
        names=places.names,
        predictions=predictions,
        curves={name: read_curves(path) for name, path in curves.items() if path.is_file()},
        status=status,
        clips=[],
        parameters=folders.parameters.read_text(encoding="utf-8"),
        provenance={"Figures": git_blob(folders.summary.read_bytes()), **provenance},
        results=read_results(task, folders.results, models),
    )
    return replace(inputs, clips=_clips(inputs, folders, clip_ids))


def _clips(inputs: ReportInputs, folders: RunFolders, clip_ids: Sequence[str]) -> list[Clip]:
    shown = shown_models(inputs.summary, inputs.table, inputs.headline)
    labels = list(inputs.names)
    detected = None
    if inputs.task == "detection":
        shown = [model for model in shown if model in inputs.table]
        if not shown:  # a baseline is no network, and keeps no decision rule
            return []
        fold = next(iter(folders.networks[shown[0]]))
        detected = detect(
            {model: folders.find(model).predictions for model in shown},
            {model: folders.networks[model] for model in shown},
            folders.features,
            schema.read_table(folders.find(shown[0]).events, schema.EVENTS),
            labels,
            read_front_end(folders.features, fold),
        )
        wanted = list(clip_ids) or choose_examples(detected, labels)
    else:
        multilabel = inputs.measures is MULTILABEL
        matrices = {
            name: to_matrix(inputs.predictions[name], labels, multilabel=multilabel)
            for name in shown
        }
        wanted = list(clip_ids) or choose_clips(matrices, shown)
    spiking = [model for model in shown if model in inputs.table and inputs.table[model].spiking]
    homes = Folders(
        audio=folders.audio,
        features=folders.features,
        inputs=folders.inputs[spiking[0]] if spiking else {},
        networks=folders.networks[spiking[0]] if spiking else {},
        credits=folders.credits,
    )
    return gather(wanted, homes, detected)
