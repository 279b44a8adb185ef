"""The detectors of the hour: gates tuned on validation, systems tested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesound.core.errors import SpikesoundError
from spikesound.core.progress import track
from spikesound.core.seeds import numpy_generator
from spikesound.costs.by_frame import FrameCounts, mean_layers
from spikesound.costs.execution import Execution
from spikesound.costs.front_end import SoundInput
from spikesound.costs.tables import Counts
from spikesound.data.scenes.material import Material
from spikesound.experiments.hour.compose import HOUR_S
from spikesound.experiments.hour.detector import Detector, joined, quantised, run_all, run_gated
from spikesound.experiments.hour.energy import Joules, Part, joules
from spikesound.experiments.hour.gates import Open
from spikesound.experiments.hour.hours import Hours, mixed_hours
from spikesound.experiments.hour.quality import quality
from spikesound.experiments.hour.rows import energies, rate, share_of_time
from spikesound.experiments.hour.systems import SYSTEMS, Key, System
from spikesound.experiments.hour.tuning import Setting, Timing, Tuned, gates_of, masked, tuned
from spikesound.models.loading import TrainedModel
from spikesound.models.spec import Decision
from spikesound.params import Params, ScenesParams
from spikesound.params.hour import HourParams

Frames = npt.NDArray[np.float32]
Row = dict[str, Any]

ALWAYS: tuple[Key, ...] = (
    "conventional", "conventional int8", "spiking", "spiking int8", "gate int8",
)  # fmt: skip
"""Detectors that some system runs all the time."""


@dataclass(frozen=True)
class Ran:
    """A detector's run: probabilities, what each frame cost, and the share of the time it ran."""

    scores: Frames
    counts: list[FrameCounts]
    share: float


class Experiment:
    """The detectors of the hour.

    Parameters
    ----------
    trained : by their names in the table of models, those that the settings name

    Raises
    ------
    SpikesoundError
        If their features, classes, folds or look-aheads differ, one has no tuned thresholds, or the
        sound that is kept before an opening is shorter than the look-ahead.
    """

    def __init__(
        self, trained: Mapping[str, TrainedModel], params: Params, settings: HourParams
    ) -> None:
        first, lookaheads = trained[settings.conventional], {}
        for name, model in trained.items():
            spec = model.spec
            if (spec.classes, spec.fold) != (first.spec.classes, first.spec.fold):
                raise SpikesoundError(f"{name}: its classes or its fold are not {first.name}'s")
            if model.front_end != first.front_end:
                raise SpikesoundError(f"{name}: its front end is not {first.name}'s")
            if spec.decision is None:
                raise SpikesoundError(f"{name}: a detector without tuned thresholds")
            lookaheads[name] = spec.decision.lookahead
        if len(set(lookaheads.values())) > 1:
            raise SpikesoundError(
                "detectors need one look-ahead (tasks.detection.lookahead_s); in frames, "
                + ", ".join(f"{name}: {frames}" for name, frames in lookaheads.items())
            )
        self.params, self.settings = params, settings
        self.front_end, self.labels = first.front_end, first.spec.classes
        hop_s = first.front_end.hop_s
        self.timing = Timing(hop_s, round(settings.before_s / hop_s))
        self.lookahead = lookaheads[settings.conventional]
        if self.lookahead > self.timing.before:
            raise SpikesoundError(
                f"before_s: {settings.before_s:g} s are {self.timing.before} frames; expected at "
                f"least the detectors' look-ahead, {self.lookahead} frames"
            )
        named = {
            "conventional": settings.conventional,
            "spiking": settings.spiking,
            "gate": settings.network_gate.model,
            "woken": settings.network_gate.wakes,
        }
        self.trained = {key: trained[name] for key, name in named.items()}
        self.detectors = {key: Detector(model) for key, model in self.trained.items()}

    @property
    def scenes(self) -> ScenesParams:
        """How sound is mixed, at the front end's rate."""
        rate_hz = self.front_end.rate_hz
        return self.params.sources.scenes.model_copy(update={"rate_hz": rate_hz})

    def mixed(self, material: Material, share: float, hours: int) -> Hours:
        """Mix hours of a fold's recordings."""
        return mixed_hours(
            material,
            self.scenes,
            self.settings,
            self.front_end,
            self.labels,
            share=share,
            hours=hours,
            lookahead=self.lookahead,
        )

    def decision(self, key: str) -> Decision:
        """Return the thresholds and filters of a detector, tuned when it was trained."""
        found = self.detectors[key].trained.spec.decision
        assert found is not None
        return found

    def prepare(self, validation: Hours) -> Tuned:
        """Round the networks to few bits, and tune the gates, all on validation."""
        for key, model in self.trained.items():
            self.detectors[f"{key} int8"] = quantised(
                model,
                validation.inputs,
                weight_bits=self.settings.weight_bits,
                activation_bits=self.settings.activation_bits,
            )
        keys: tuple[Key, ...] = (*ALWAYS, "woken int8")
        scores = {
            key: run_all(self.detectors[key], validation.inputs, count=False)[0]
            for key in track(keys, total=len(keys), what="validation", unit="detector")
        }
        gate, levels = self.settings.network_gate, self.settings.energy_gate
        signal = scores["gate int8"].max(-1)
        network = self._tuned(
            validation, "woken int8", scores["woken int8"], signal, gate.thresholds
        )
        woken = gates_of(signal, network, self.timing)
        scores["woken int8"] = masked(scores["woken int8"], woken)
        energy: dict[str, Setting] = {
            key: self._tuned(
                validation, key, scores[key], validation.above_db, levels.thresholds_db
            )
            for key in track(keys, total=len(keys), what="gates", unit="detector")
            if key != "gate int8"
        }
        return Tuned(energy, network)

    def _tuned(
        self,
        hours: Hours,
        key: str,
        scores: Frames,
        signal: Frames,
        thresholds: Sequence[float],
    ) -> Setting:
        return tuned(
            hours,
            scores,
            self.decision(key),
            signal,
            self.timing,
            thresholds=thresholds,
            hold_s=self.settings.hold_s,
            largest_loss=self.settings.largest_loss,
        )

    def test(self, hours: Hours, gates: Tuned, share: float) -> list[Row]:
        """Return a row for each system on hours of the test fold."""
        always: dict[str, Ran] = {
            key: self._run(key, hours, None)
            for key in track(ALWAYS, total=len(ALWAYS), what="detectors", unit="detector")
        }
        spent: dict[str, Joules] = {}
        rows = []
        for system in track(SYSTEMS, total=len(SYSTEMS), what="systems", unit="system"):
            scores, parts, front_share = self._system(system, hours, gates, always)
            features = self.front_end.features
            spent[system.name] = joules(
                parts,
                features,
                self.params.costs,
                front_end_share=front_share,
                gate_before_s=self.settings.before_s if system.energy_gate else None,
            )
            rows.append(
                {"share": share, "event_share": round(hours.event_share, 5), "system": system.name}
                | {"runs": [share_of_time(part, self.timing.hop_s) for part in parts]}
                | {"spike_rate": rate(parts)}
                | quality(
                    hours,
                    scores,
                    self.decision(system.detector),
                    features,
                    generator=numpy_generator(self.params.seed, "hour", share),
                    resamples=self.settings.resamples,
                    confidence=self.params.evaluate.confidence,
                )
            )
        return [row | energies(str(row["system"]), spent, self.settings.cell) for row in rows]

    def _system(
        self, system: System, hours: Hours, gates: Tuned, always: Mapping[str, Ran]
    ) -> tuple[Frames, list[Part], float]:
        """Return probabilities, what each network does, and the share that the front end runs."""
        by_level: list[Open] | None = None
        if system.energy_gate:
            by_level = gates_of(hours.above_db, gates.energy[system.detector], self.timing)

        def ran(key: str) -> Ran:
            return always[key] if by_level is None else self._run(key, hours, by_level)

        if not system.network_gate:
            found = ran(system.detector)
            return found.scores, [self._part(system.detector, system.execution, found)], found.share
        gate = ran("gate int8")
        opens = gates_of(gate.scores.max(-1), gates.network, self.timing)
        found = self._run("woken int8", hours, opens)
        parts = [
            self._part("gate int8", "events", gate),
            self._part("woken int8", system.execution, found),
        ]
        return found.scores, parts, gate.share  # what is woken reads the features of the gate

    def _run(self, key: str, hours: Hours, gates: Sequence[Open] | None) -> Ran:
        """Run a detector on all minutes, and count in those of the first hour."""
        first, detector = round(HOUR_S / hours.seconds_each), self.detectors[key]
        scores, counts = [], []
        for rows, count in ((slice(0, first), True), (slice(first, None), False)):
            inputs = hours.inputs[rows]
            if len(inputs) and gates is None:
                found = run_all(detector, inputs, count=count)
            elif len(inputs) and gates is not None:
                found = run_gated(detector, inputs, gates[rows], count=count)
            else:
                continue
            scores.append(found[0])
            counts.append(found[1])
        share = 1.0 if gates is None else float(np.mean([each.share for each in gates]))
        return Ran(np.concatenate(scores), joined(counts), share)

    def _part(self, key: str, execution: Execution, ran: Ran) -> Part:
        detector, counts = self.detectors[key], ran.counts
        frames = max(1, round(ran.share * HOUR_S / self.timing.hop_s))
        if not counts:  # it never ran in the hour that is counted: its sizes alone
            silence = np.zeros((1, 2, detector.trained.spec.bins), np.float32)
            counts = run_all(detector, silence, count=True)[1]
        own = Counts(
            mean_layers(counts, frames),
            execution,
            detector.weight_bits,
            detector.activation_bits,
            sound=SoundInput(self.front_end.features, HOUR_S),
            stream=True,
        )
        return Part(own, execution)
