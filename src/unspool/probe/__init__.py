"""Looking inside a trained network: how far gradients reach, what its gates do, how its matrices stretch."""
