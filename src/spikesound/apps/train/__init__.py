"""Training on sound of one's own: a workspace with the pipeline in it, made and run at once."""

from __future__ import annotations
