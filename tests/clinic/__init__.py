"""The sample clinic: its stories, and the whole service at work on them."""
