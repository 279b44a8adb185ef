"""Cleaning of clips and checks on them, before their features are computed."""
