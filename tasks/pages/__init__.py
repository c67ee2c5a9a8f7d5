"""Pages about a run, put together from its objects: the validation report, rejections, samples, the data card."""
