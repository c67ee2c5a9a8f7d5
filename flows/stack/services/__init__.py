"""One file for each part of the stack: `part(...)` says how it is started and how one sees that it is well."""
