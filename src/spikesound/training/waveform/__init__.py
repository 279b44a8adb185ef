"""Training on sound: samples are augmented and mixed in batches, features computed from them."""
