"""Scenes: sounds with known onsets and levels, mixed from recordings over real backgrounds."""
