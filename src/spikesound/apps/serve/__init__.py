"""A local web page: a detector on a file or the microphone, with its picture in real time."""
