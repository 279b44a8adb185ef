"""Experiments: models of the table with other parameters, trained, tested and priced row by row."""
