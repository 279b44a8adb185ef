"""The table of models, resolved: each row with the parameters that it names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from spikesound.core import own_code
from spikesound.core.errors import SpikesoundError, unknown
from spikesound.params.base import Entries, parsed
from spikesound.params.methods import MethodParams
from spikesound.params.models import OUTSIDE, LabelKind, ModelParams
from spikesound.params.networks import OF_ROW, CodeParams, NetworkParams, TCNParams
from spikesound.params.neurons import NeuronParams
from spikesound.params.recipes import RecipeParams
from spikesound.params.sparse_methods import IntegerParams
from spikesound.params.tasks import Tasks

if TYPE_CHECKING:
    from spikesound.params.root import Params

OUTPUT = {"classification": "clip", "detection": "frames"}
"""Kind of output that a network must have for a task."""


@dataclass(frozen=True)
class Model:
    """A row of the table of models with all that it names.

    Attributes
    ----------
    name : of the row
    row : as it stands in params.yaml
    network, neuron, method : kinds, the registries' names
    network_params, neuron_params, method_params, recipe : their parameters
    """

    name: str
    row: ModelParams
    network: str
    network_params: NetworkParams
    neuron: str
    neuron_params: NeuronParams
    method: str
    method_params: MethodParams
    recipe: RecipeParams

    @property
    def task(self) -> str:
        """Task that it is trained for."""
        return self.row.task

    @property
    def spiking(self) -> bool:
        """Whether the network spikes."""
        return self.method_params.spiking and (
            self.neuron_params.spikes or self.method_params.own_network
        )

    @property
    def epochs(self) -> int:
        """Epochs of its training, at most."""
        return self.method_params.own_epochs or self.recipe.epochs

    @property
    def base(self) -> str | None:
        """Name of the trained model that it starts from."""
        return self.row.base

    @property
    def teachers(self) -> list[str]:
        """Names of the rows whose trained models teach it by its recipe."""
        return [] if self.recipe.teacher is None else self.recipe.teacher.models

    @property
    def labels(self) -> LabelKind | None:
        """Labels that a detector is trained on."""
        return self.row.labels

    def is_twin_of(self, spiking: Model) -> bool:
        """Whether this is the conventional model that a spiking one is compared with.

        It has the same task and labels, and the same entry of `networks` or, where the spiking
        network's kind names another kind as its twin, that kind.
        """
        kind = spiking.network_params.twin
        same = self.network == kind if kind else self.row.network == spiking.row.network
        return same and (self.task, self.labels) == (spiking.task, spiking.labels)


def twins(models: dict[str, Model]) -> list[tuple[str, str]]:
    """Return each spiking model with its conventional opponents, in the order of the table.

    An opponent is its twin, the conventional model of the same architecture and labels, or one
    fine-tuned from the twin. A method that makes a network of its own has none.
    """
    pairs = []
    for name, model in models.items():
        if not model.spiking or model.method_params.own_network:
            continue
        for other, opponent in models.items():
            if not opponent.spiking and opponent.is_twin_of(model):
                pairs.append((name, other))
    return pairs


def models_of(params: Params) -> dict[str, Model]:
    """Return the table of models by name; see :meth:`spikesound.params.Params.table`."""
    return {name: _model(name, row, params) for name, row in params.models.items()}


def _model(name: str, row: ModelParams, params: Params) -> Model:
    where = f"models.{name}"
    networks = _with_code(where, row, params.networks)
    for key, value, valid in (
        ("task", row.task, list(Tasks.model_fields)),
        ("network", row.network, list(networks)),
        ("neuron", row.neuron, list(params.neurons)),
        ("method", row.method, list(params.methods)),
        ("recipe", row.recipe, list(params.recipes)),
    ):
        if value not in valid:
            raise unknown(f"{where}.{key}", value, valid)
    model = Model(
        name,
        row,
        networks.kind(row.network),
        networks[row.network],
        params.neurons.kind(row.neuron),
        params.neurons[row.neuron],
        params.methods.kind(row.method),
        params.methods[row.method],
        params.recipes[row.recipe],
    )
    _check(where, model, params)
    if isinstance(model.network_params, CodeParams):
        own_code.allow(model.network_params.sha256)
    return model


def _with_code(
    where: str, row: ModelParams, networks: Entries[NetworkParams]
) -> Entries[NetworkParams]:
    """Return the entries of `networks`, with one more for code that a row names itself."""
    if row.network in networks or not own_code.is_code(row.network):
        return networks
    values = parsed(CodeParams, {"code": row.network, **OF_ROW}, (where, "network"))
    return networks.with_entry(row.network, "code", values)


def _check(where: str, model: Model, params: Params) -> None:
    row, network, method = model.row, model.network_params, model.method_params
    if network.output != OUTPUT[row.task]:
        fitting = [n for n, each in params.networks.items() if each.output == OUTPUT[row.task]]
        raise unknown(f"{where}.network: for {row.task}, network", row.network, fitting)
    if model.neuron_params.by_method:
        raise SpikesoundError(
            f"{where}: neuron {row.neuron!r} is made by a training method; name another one"
        )
    if model.neuron_params.of_frames and not isinstance(network, TCNParams):
        fitting = [n for n, each in params.networks.items() if isinstance(each, TCNParams)]
        raise unknown(
            f"{where}.network: of neuron {row.neuron!r}, with several spikes a frame, network",
            row.network,
            fitting,
        )
    if method.spiking and not (network.takes_neuron and model.neuron_params.spikes):
        raise SpikesoundError(
            f"{where}: method {row.method!r} trains spiking networks; network {row.network!r} with "
            f"neuron {row.neuron!r} does not spike"
        )
    if model.recipe.dataset == "stream" and not method.streams:
        able = [name for name, each in params.methods.items() if each.streams]
        raise unknown(
            f"{where}.method: of recipe {row.recipe!r}, with dataset: stream, method",
            row.method,
            able,
        )
    if isinstance(method, IntegerParams) and model.task != "classification":
        raise SpikesoundError(
            f"{where}.method: method {row.method!r} trains classifiers only; for several spikes a "
            "frame in a detector set its neuron to multi_spike_lif"
        )
    if model.recipe.dataset == "stream" and isinstance(method, IntegerParams):
        _check_streamed_integer(where, model, method, params)
    if model.recipe.negatives is not None and method.own_network:
        raise SpikesoundError(
            f"{where}.method: recipe {row.recipe!r} has negatives, which method {row.method!r} "
            "cannot train on: it learns without a loss over all classes"
        )
    _check_teacher(where, model, params)
    if not method.spiking and model.neuron_params.spikes:
        raise SpikesoundError(
            f"{where}: method {row.method!r} trains conventional networks; neuron {row.neuron!r} "
            "spikes"
        )
    if model.neuron_params.spikes and model.neuron_params.of_code != network.of_code:
        raise SpikesoundError(
            f"{where}.neuron: neuron {row.neuron!r} does not go with network {row.network!r}: a "
            "network of code has spiking neurons of its own (an entry of kind own), another none"
        )
    if network.of_code and not method.any_network:
        fitting = [n for n, each in params.methods.items() if each.any_network]
        raise unknown(f"{where}.method: for a network of code, method", row.method, fitting)
    reads = ["spikes"] if row.task == "classification" and model.spiking else []
    reads = reads or [f"features/{row.task}"]
    if row.reads not in reads:
        raise unknown(f"{where}.reads", row.reads, reads)
    twin = method.from_twin  # the conventional network, whatever its neuron, of the spiking one
    bases = [
        f"models/{row.task}/{name}"
        for name, other in params.models.items()
        if (other.task, other.network, other.labels) == (row.task, row.network, row.labels)
        and other.method in params.methods
        and not params.methods[other.method].starts_from
        and (not params.methods[other.method].spiking if twin else other.neuron == row.neuron)
    ]
    needs = bases if method.starts_from else [f"clips/{row.task}"]
    if method.new_head:
        if not row.needs.startswith(OUTSIDE):
            raise SpikesoundError(
                f"{where}.needs: method {row.method!r} starts from a model below data/{OUTSIDE}, "
                f"{OUTSIDE}<name>; got {row.needs!r}"
            )
    elif row.needs not in needs:
        raise unknown(f"{where}.needs", row.needs, needs)
    if (row.labels is None) != (row.task == "classification"):
        raise SpikesoundError(f"{where}.labels: strong, weak or both, of detection and no other")


def _check_streamed_integer(
    where: str, model: Model, method: IntegerParams, params: Params
) -> None:
    """Refuse what integer training cannot do on streamed clips."""
    name, recipe = model.row.method, model.row.recipe
    if method.penalty is not None:
        raise SpikesoundError(
            f"{where}.method: a penalty on firing rates is not available with dataset: stream; set "
            f"methods.{name}.penalty to null, or recipes.{recipe}.dataset to memory"
        )
    if params.encodings[params.encoding].spikes:
        able = [name for name, each in params.encodings.items() if not each.spikes]
        raise unknown(
            f"encoding: method {name!r} with dataset: stream (recipe {recipe!r}) needs an encoding "
            "without spikes; encoding",
            params.encoding,
            able,
        )


def _check_teacher(where: str, model: Model, params: Params) -> None:
    """Check that a recipe's teacher goes with a model, and that its rows can be trained first."""
    if model.recipe.teacher is None:
        return
    row, teacher = model.row, f"recipes.{model.row.recipe}.teacher"
    if row.task != "classification":
        raise SpikesoundError(f"{where}.recipe: {teacher} is of classification; got {row.task!r}")
    if not model.method_params.takes_teacher:
        able = [name for name, each in params.methods.items() if each.takes_teacher]
        raise unknown(f"{where}.method: with {teacher}, method", row.method, able)
    fitting = [
        name
        for name, other in params.models.items()
        if other.task == row.task
        and other.base is None
        and other.recipe in params.recipes
        and params.recipes[other.recipe].teacher is None
        and other.reads in (row.reads, f"features/{row.task}")
    ]
    for name in model.teachers:
        if name not in fitting:
            what = (
                f"{teacher}.models: row that starts from no other, has no teacher and reads what "
                f"models.{model.name} does, or features,"
            )
            raise unknown(what, name, fitting)
