"""The streaming hour: sound in which events are rare, and detectors behind gates.

:mod:`.compose` mixes the hours, :mod:`.gates` says when a detector runs, :mod:`.detector` runs it,
:mod:`.systems` lists what is compared, :mod:`.energy` prices it, and :mod:`.run` does all of it.
"""
