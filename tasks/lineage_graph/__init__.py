"""The lineage of a dataset as a graph: boxes and arrows, drawn as SVG, on a page to walk through."""
