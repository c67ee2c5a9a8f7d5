"""A first policy and suite for data nobody has described yet: look at every row, then write down what was seen."""
