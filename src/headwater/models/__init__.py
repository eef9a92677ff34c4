"""What data does to models: training, evaluation, impact."""
