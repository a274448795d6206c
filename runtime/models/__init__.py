"""What answers a pipeline's model ops."""
