"""The simulated vendor: Polygon's (Massive's) REST and WebSocket interfaces on one local port."""
