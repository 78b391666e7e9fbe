"""Programs: steps that are traced once, planned, and replayed."""
