// Prints the flow that a rule is compared with: Redis in, one function, Redis out. `node flow.js PORT change|every`
const [port, kind] = process.argv.slice(2);
const code = {
    change: `const last = context.get("v");
if (msg.payload.v === last) return null;
context.set("v", msg.payload.v);
return { topic: "bench:out", payload: { v: msg.payload.v } };`,
    every: `return { topic: "bench:out", payload: { v: msg.payload.v } };`,
}[kind];
const server = { id: "server", type: "redis-config", name: "a redis of the benchmark", cluster: false, optionsType: "json",
    options: JSON.stringify({ host: "127.0.0.1", port: Number(port) }) };
const nodes = [
    { id: "flow", type: "tab", label: "bench" },
    server,
    { id: "in", type: "redis-in", z: "flow", server: "server", command: "psubscribe", name: "", topic: "bench:in*",
      obj: true, timeout: 0, wires: [["rule"]] },
    { id: "rule", type: "function", z: "flow", name: "", func: code, outputs: 1, wires: [["out"]] },
    { id: "out", type: "redis-out", z: "flow", server: "server", command: "publish", name: "", topic: "", obj: true, wires: [] },
];
process.stdout.write(JSON.stringify(nodes, null, 2));
