"""The mathematics: pure functions on arrays, each with its source; no repository in sight."""
