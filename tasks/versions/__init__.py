"""Published versions: find, record, explain, rebuild, compare, promote, judge again, clean up."""
