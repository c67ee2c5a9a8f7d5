"""What `augmill ci` does: judge the policies that a change touches, and run them once it is merged."""
