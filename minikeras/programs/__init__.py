"""Programs written for Keras or TensorFlow, run on minikeras as they are."""
