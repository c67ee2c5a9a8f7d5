"""One file per modality: how its rows are checked, described, augmented and looked at."""
