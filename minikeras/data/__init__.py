"""From files, arrays and generators on the host to the batches that a model is fed."""
