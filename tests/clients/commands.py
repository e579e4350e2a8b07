"""Every command that the endpoint serves, by redis-py in RESP2 and RESP3. Readings come on sensor:update meanwhile."""

import json
import sys
import time

import redis


def hears(pubsub, kind):
    """The next message of a kind; confirmations are skipped."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        message = pubsub.get_message(timeout=1)
        if message and message["type"] == kind:
            return message
    raise AssertionError(f"no {kind} in 20 s")


def speaks(port, protocol):
    client = redis.Redis(port=port, protocol=protocol, decode_responses=True, client_name=f"commands-{protocol}")
    assert client.ping() and client.echo("hello") == "hello"
    assert client.client_getname() == f"commands-{protocol}" and client.client_id() > 0
    assert any(line["name"] == f"commands-{protocol}" for line in client.client_list())

    readings = client.pubsub()
    readings.subscribe("sensor:update")
    readings.psubscribe("sensor:update:*")
    assert json.loads(hears(readings, "message")["data"])["id"]
    specific = hears(readings, "pmessage")
    assert specific["channel"].startswith("sensor:update:") and specific["pattern"] == "sensor:update:*"
    assert "sensor:update" in client.pubsub_channels("sensor:*")
    assert dict(client.pubsub_numsub("sensor:update"))["sensor:update"] >= 1
    assert client.pubsub_numpat() >= 1
    readings.unsubscribe("sensor:update")
    readings.punsubscribe()
    assert hears(readings, "unsubscribe")["channel"] == "sensor:update"
    assert hears(readings, "punsubscribe")["channel"] == "sensor:update:*"

    others = client.pubsub()
    others.subscribe(f"notes:{protocol}")
    hears(others, "subscribe")
    assert client.publish(f"notes:{protocol}", "{}") == 1
    assert hears(others, "message")["data"] == "{}"

    last = client.hgetall("growctl:last")
    channel, fields = next((key, json.loads(text)) for key, text in last.items() if key.startswith("sensor:update:"))
    assert fields and client.hget("growctl:last", channel) is not None, last
    try:
        client.set("a", 1)
    except redis.ResponseError as error:
        assert "redis.url" in str(error), error
    else:
        raise AssertionError("SET is not served, and must say so")
    assert redis.Redis(port=port, protocol=protocol, username="a", password="b").ping()
    print(f"commands.py: redis-py {redis.__version__}, RESP{protocol}: all answered")


for version in (2, 3):
    speaks(int(sys.argv[1]), version)
