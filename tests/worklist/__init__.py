"""The coordinators' pages: as HTTP, as a picture, and in a real browser."""
