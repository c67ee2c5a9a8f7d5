"""Statistics that gates and verifiers share: intervals, drift, scaling, nearest rows, scores, row samples."""
