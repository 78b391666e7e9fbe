"""fit, evaluate, predict: loops, compiled losses and metrics."""
