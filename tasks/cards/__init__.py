"""What is said of a version: its data card, charts, Croissant file and limitations, from one plain document."""
