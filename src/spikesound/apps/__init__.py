"""Ways to use trained models: Python API, command line, live input, local web page."""
