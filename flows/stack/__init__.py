"""The servers that `augmill up` keeps running: what each is, where it answers, who looks after it."""
