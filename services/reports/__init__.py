"""The passages of a market regulator's annual work report that sampling can fill, from the records alone."""
