"""What was asked: one policy file per dataset, its grammar, and the rules that judge it."""
