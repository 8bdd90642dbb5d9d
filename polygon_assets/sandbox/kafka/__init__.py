"""A durable single-node broker that speaks the Kafka wire protocol.

Producers and consumers connect with the client library and the settings that they use in
production; only the address differs. Record batches are stored as they arrive: the broker sets
their base offset, which lies outside the batch checksum, and never decodes a record. The cost is
therefore per batch, whatever the compression.

What is not supported is refused with an error of the protocol: transactions, compacted topics,
more than one replica, SASL and TLS.
"""
