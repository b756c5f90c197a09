"""The whole suite; each folder is named for what it tests."""
