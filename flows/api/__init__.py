"""What `import augmill` offers: each name stands in one of these files, which is imported when it is first used."""
