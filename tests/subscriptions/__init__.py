"""Partners who subscribe to our ServiceRequests and Tasks."""
