// The two Redis clients of Node.js on the endpoint: ioredis, which asks INFO before anything else, and redis in RESP3.
// Readings come on sensor:update meanwhile.
import assert from "node:assert/strict";
import Redis from "ioredis";
import { createClient } from "redis";

const port = Number(process.argv[2]);
const late = setTimeout(() => assert.fail("not done within 30 s"), 30_000);

async function ioredis() {
  const client = new Redis({ port, host: "127.0.0.1", maxRetriesPerRequest: 0 });
  const listener = new Redis({ port, host: "127.0.0.1", maxRetriesPerRequest: 0 });
  const broad = new Promise((done) => listener.on("message", (channel, text) => done([channel, JSON.parse(text)])));
  const specific = new Promise((done) => listener.on("pmessage", (pattern, channel) => done([pattern, channel])));
  assert.equal(await listener.subscribe("sensor:update"), 1);
  assert.equal(await listener.psubscribe("sensor:update:*"), 2);
  const [channel, message] = await broad;
  assert.equal(channel, "sensor:update");
  assert.equal(typeof message.id, "string");
  assert.match((await specific)[1], /^sensor:update:./);
  assert.ok((await client.pubsub("CHANNELS")).includes("sensor:update"));
  assert.ok((await client.pubsub("NUMSUB", "sensor:update"))[1] >= 1);

  await listener.subscribe("notes:ioredis");
  const note = new Promise((done) => listener.on("message", (name, text) => name === "notes:ioredis" && done(text)));
  assert.equal(await client.publish("notes:ioredis", "{}"), 1);
  assert.equal(await note, "{}");
  const last = await client.hgetall("growctl:last");
  assert.ok(Object.keys(last).some((name) => name.startsWith("sensor:update:")));
  await assert.rejects(client.set("a", "1"), /redis\.url/);
  client.disconnect();
  listener.disconnect();
  console.log("commands.mjs: ioredis: all answered");
}

async function nodeRedis() {
  const listener = createClient({ url: `redis://127.0.0.1:${port}`, RESP: 3 });
  await listener.connect();
  const heard = await new Promise((done) => listener.pSubscribe("sensor:update:*", (text, channel) => done([channel, text])));
  assert.match(heard[0], /^sensor:update:./);
  assert.equal(typeof JSON.parse(heard[1]).id, "string");
  assert.ok(Object.keys(await listener.hGetAll("growctl:last")).length > 0);
  await listener.close();
  console.log("commands.mjs: redis, RESP3: all answered");
}

await ioredis();
await nodeRedis();
clearTimeout(late);
