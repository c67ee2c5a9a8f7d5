"""When the work happens: the flows, the settings, the command line."""
