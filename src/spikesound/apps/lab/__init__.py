"""A few recordings, a few models, no pipeline: for notebooks.

It calls what the stages of the pipeline call, on a table of files in memory; its models are those
of params.yaml, and their files are loaded by ``spikesound.load``::

    lab = Lab(table, params, test_fold="1")
    model = lab.train("snn-cnn-surrogate", neuron={"beta": 0.9})
    model.accuracy, model.history, model.counts(), model.trace(clip_id)

:class:`DetectionLab` does the same with detectors, on a table of files and one of their events.
"""

from spikesound.core.extras import needing

with needing("pipeline"):
    from spikesound.apps.lab.clips import read_clip
    from spikesound.apps.lab.detection import DetectionLab, LabDetector
    from spikesound.apps.lab.traces import Trace, trace_neuron, traces
    from spikesound.apps.lab.trained import Lab, LabModel

__all__ = [
    "DetectionLab",
    "Lab",
    "LabDetector",
    "LabModel",
    "Trace",
    "read_clip",
    "trace_neuron",
    "traces",
]
