"""Polygon.io (Massive) WebSocket to Kafka to ClickHouse: the producer and the sink."""
