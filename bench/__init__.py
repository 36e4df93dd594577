"""Benchmarks on the embedded runtime: a real Kafka, a real Valkey, the services as processes. See README.md."""
