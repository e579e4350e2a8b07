"""What a Python service does: messages into InfluxDB by its client `influxdb`, in batches. Prints readings a second."""
import json
import sys
import time

from influxdb import InfluxDBClient

port, messages, batch = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
client = InfluxDBClient(host="127.0.0.1", port=port, database="grow", gzip=True)
lines = open(messages).read().splitlines()
begin = time.perf_counter()
for start in range(0, len(lines), batch):
    points = []
    for line in lines[start : start + batch]:
        message = json.loads(line)
        tags = {name: message[name] for name in ("room", "cluster", "node")}
        fields = {name: value for name, value in message.items() if name not in ("id", "ts", *tags)}
        points.append({"measurement": "python", "tags": tags, "fields": fields, "time": int(message["ts"] * 1e6)})
    client.write_points(points, time_precision="u")
print(len(lines) / (time.perf_counter() - begin))
