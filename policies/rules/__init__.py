"""The rules of `augmill lint`: every function `augNNN_...` in these files is one, found by its name.

Its docstring is what `augmill lint --explain AUGNNN` prints, and holds, in this order, the title and the
sections Why, Fix, Bad and Good. Bad and Good are run by a test: laid over a small policy, Bad must be found and
Good must not; a `facts:` block in them stands for what `plan` measures on the data.
"""
