"""States of a clip after the download stage, with their meanings."""

from __future__ import annotations

STATES = {
    "ok": "there, whole",
    "unavailable": "no such recording, or the site does not give it",
    "removed": "taken down",
    "private": "only for those its owner names",
    "age_restricted": "only for those signed in who are old enough",
    "region_restricted": "not in this country",
    "sign_in": "only for those signed in, or for members",
    "too_short": "ends before the segment does",
    "silent": "nothing louder than the limit",
    "refused": "not fetched: it, or what it led to, may not be requested",
    "throttled": "the site refused for being asked too often",
    "failed": "could not be fetched or decoded",
    "pending": "not requested: the run was stopped before",
}
"""States of a clip after the download stage; training sees only ``ok``."""
