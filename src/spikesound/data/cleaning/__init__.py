"""What is mended in a clip's sound, and found out about it, before its features are computed."""
