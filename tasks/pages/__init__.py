"""Pages about a run, built from its objects: the validation report, rejections, samples, the data card."""
