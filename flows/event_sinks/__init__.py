"""The sinks of dataset events: one file each, found by looking into this folder.

A sink is a module with `handle(event, current)`, which may return events that follow and are published next. It does
nothing where the settings do not ask for it, imports what it needs inside the function, and bounds every wait: a run
does not fail, and does not hang, because nobody listens.
"""
