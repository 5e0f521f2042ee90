"""medkg: medical knowledge-graph mining."""
