"""TODO quantisation."""
