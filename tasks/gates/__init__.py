"""The gates: what a version must show before it is published. One file per gate, named as its key in the policy."""
