"""Training of networks: dataset, cross-validation, augmentation, one loop, methods."""
