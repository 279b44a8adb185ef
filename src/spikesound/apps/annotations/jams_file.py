"""JAMS, the JSON annotated music specification."""

from __future__ import annotations

from importlib import metadata

from spikesound.apps.annotations.labelled import Labelled
from spikesound.core.errors import SpikesoundError

NAMESPACE = "tag_open"
"""Any text as a label, over any stretch of time. The segment namespaces are for parts of which one
follows another; events may overlap."""


def jams(sound: Labelled) -> str:
    """Return a file with one annotation, in which each event is an observation with its score.

    References
    ----------
    Humphrey et al. 2014, "JAMS: A JSON annotated music specification for reproducible MIR
    research".

    Raises
    ------
    SpikesoundError
        If the package ``jams`` is not installed.
    """
    try:
        import jams as package
    except ImportError as error:
        raise SpikesoundError(
            "format jams needs the package jams: pip install 'spikesound[annotations]'"
        ) from error

    tools = f"spikesound {metadata.version('spikesound')}, {sound.model}"
    about = package.AnnotationMetadata(annotation_tools=tools, data_source="program")
    annotation = package.Annotation(
        NAMESPACE, time=0.0, duration=sound.seconds, annotation_metadata=about
    )
    for event in sound.events:
        length_s = event.offset_s - event.onset_s
        annotation.append(
            time=event.onset_s, duration=length_s, value=event.label, confidence=event.score
        )
    file = package.JAMS(annotations=[annotation])
    file.file_metadata.title = sound.file
    file.file_metadata.duration = sound.seconds
    file.validate(strict=True)
    return str(file.dumps(indent=1)) + "\n"
