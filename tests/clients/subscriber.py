"""A service as a site's own documentation has it: subscribes to the broad channel and reads JSON. Ends after the first reading
of air: on the broad channel come nodes of every kind."""

import asyncio
import json
import sys

import redis.asyncio as redis


async def process_sensor_data(data):
    if "temperature" not in data:
        return False
    assert isinstance(data["temperature"], float), data
    print("subscriber.py:", data["room"], data["cluster"], data["temperature"])
    return True


async def startup():
    redis_client = await redis.from_url(f"redis://localhost:{sys.argv[1]}")
    pubsub = redis_client.pubsub()

    # Subscribe to sensor updates
    await pubsub.subscribe("sensor:update")

    # Listen for messages
    async for message in pubsub.listen():
        if message['type'] == 'message':
            data = json.loads(message['data'])
            if await process_sensor_data(data):
                break


asyncio.run(asyncio.wait_for(startup(), 20))
