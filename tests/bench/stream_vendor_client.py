"""The vendor's own client on its ordinary path: models, JSON again, one message per event.

``python tests/bench/stream_vendor_client.py ADDRESS TOPIC`` (Kafka from the environment)
"""

import json
import signal
import sys

from confluent_kafka import Producer
from polygon import WebSocketClient
from polygon.websocket.models import Market, WebSocketMessage
from polygon_stream.publisher import producer_config
from polygon_stream.settings import KafkaSettings


def main() -> None:
    address, topic = sys.argv[1:]
    producer = Producer(producer_config(KafkaSettings()) | {"delivery.report.only.error": True})

    def publish(messages: list[WebSocketMessage]) -> None:
        for message in messages:
            value = json.dumps(message.__dict__).encode()
            while True:
                try:
                    producer.produce(topic, value, message.symbol)
                    break
                except BufferError:
                    producer.poll(0.01)
        producer.poll(0)

    client = WebSocketClient(
        api_key="sandbox",
        feed=address,
        market=Market.Stocks,
        secure=False,
        subscriptions=["A.*"],
        max_reconnects=0,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    client.run(publish)


if __name__ == "__main__":
    main()
