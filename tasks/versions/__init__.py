"""Published versions: find, record, explain, rebuild, compare, promote, run gates again, remove old files."""
