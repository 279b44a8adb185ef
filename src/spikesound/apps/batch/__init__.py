"""Folders of recordings: many files into one table, with clock times, whatever breaks it off."""
