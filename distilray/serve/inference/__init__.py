"""The inference application on Ray Serve, and hosting it on this machine."""
