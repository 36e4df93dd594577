"""What the container image is made from."""
