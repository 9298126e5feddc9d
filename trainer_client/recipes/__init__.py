"""The commands besides `train`: evaluation, rejection sampling, fine-tuning on demonstrations and on pairs."""
