"""Speed measurements: `compare` against Keras's backends, `ops` for the cost of one op."""
