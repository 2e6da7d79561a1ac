"""Training with neuron removal: gradient steps, switches that turn off for good, arrays that shrink."""
