"""Documents as text for people: on a terminal, or as Markdown for a comment on a pull request."""
