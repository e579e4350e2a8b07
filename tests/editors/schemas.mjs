// The language server that editors use for YAML, on the files of the repository: what growctl reads has no red line, what
// it refuses by its shape has one, and completion knows the keys. Run by scripts/editors-test, which installs the server.
// Usage: node schemas.mjs REPOSITORY SERVER [SITE]
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import Ajv2020 from "ajv/dist/2020.js";
import rpc from "vscode-jsonrpc/node.js";

const [repository, server, site] = process.argv.slice(2).map((path) => resolve(path));
const wrong = [];
const fail = (what) => wrong.push(what);
const read = (path) => readFileSync(path, "utf8");
const list = (folder) => (existsSync(folder) ? readdirSync(folder).sort().map((name) => join(folder, name)) : []);
const yaml = (folder) => list(folder).filter((path) => path.endsWith(".yaml"));

// ---- the schemas are what they say they are -------------------------------------------------------------------------
for (const path of list(join(repository, "schemas"))) {
  const ajv = new Ajv2020.default({ strict: true, strictTypes: false, strictRequired: false });
  ajv.addVocabulary(["patternErrorMessage"]);
  try {
    ajv.compile(JSON.parse(read(path)));
  } catch (error) {
    fail(`${path}: ${error.message}`);
  }
}

// ---- the server -------------------------------------------------------------------------------------------------------
const child = spawn(process.execPath, [server, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
const line = rpc.createMessageConnection(child.stdout, child.stdin);
const waiting = new Map();
line.onNotification("textDocument/publishDiagnostics", ({ uri, diagnostics }) => waiting.get(uri)?.(diagnostics));
line.onRequest("workspace/configuration", ({ items }) =>
  items.map(({ section }) =>
    section === "yaml" ? { validate: true, completion: true, hover: true, schemaStore: { enable: false } } : {},
  ),
);
line.onRequest("client/registerCapability", () => null);
line.listen();
await line.sendRequest("initialize", {
  processId: process.pid,
  rootUri: pathToFileURL(repository).href,
  workspaceFolders: [{ uri: pathToFileURL(repository).href, name: "site" }],
  capabilities: {
    workspace: { configuration: true, workspaceFolders: true },
    textDocument: { completion: { completionItem: { snippetSupport: true } }, hover: { contentFormat: ["markdown"] } },
  },
});
line.sendNotification("initialized", {});

let opened = 0;
const open = async (path, text) => {
  const uri = `${pathToFileURL(path).href}${text === undefined ? "" : `.${++opened}.yaml`}`;
  const diagnostics = new Promise((done) => waiting.set(uri, done));
  const document = { uri, languageId: "yaml", version: 1, text: text ?? read(path) };
  line.sendNotification("textDocument/didOpen", { textDocument: document });
  return { uri, diagnostics: await diagnostics };
};
const schema = (kind) => join(repository, "schemas", `${kind}.json`);
const under = (kind, text) => `# yaml-language-server: $schema=${schema(kind)}\n${text}`;
const shown = (diagnostics) => diagnostics.map((d) => `  line ${d.range.start.line}: ${d.message}`).join("\n");

let [fine, refused] = [0, 0];
// The server waits a moment before it judges a file: all of them wait together.
const jobs = [];
const good = (path, text) => jobs.push(judgeGood(path, text));
const bad = (path, text, part) => jobs.push(judgeBad(path, text, part));
const judgeGood = async (path, text) => {
  const { diagnostics } = await open(path, text);
  diagnostics.length ? fail(`${path} is right, and the editor says\n${shown(diagnostics)}`) : fine++;
};
const judgeBad = async (path, text, part) => {
  const { diagnostics } = await open(path, text);
  const said = diagnostics.some((d) => d.message.toLowerCase().includes(part.toLowerCase()));
  said ? refused++ : fail(`${path}: expected a red line with '${part}', got\n${shown(diagnostics)}\n${text}`);
};

// ---- what growctl reads -----------------------------------------------------------------------------------------------
const shipped = (folder) => [join(folder, "channels.yaml"), join(folder, "growctl.yaml"), ...yaml(join(folder, "rules"))];
for (const path of [...shipped(repository), ...(site ? shipped(site) : [])]) {
  if (!read(path).startsWith("# yaml-language-server: $schema=")) fail(`${path} does not name its schema`);
  good(path);
}
const fixtures = join(repository, "tests/fixtures");
good(join(fixtures, "channels.example.yaml"), under("channels", read(join(fixtures, "channels.example.yaml"))));
good(join(fixtures, "limits.yaml"), under("channels", read(join(fixtures, "limits.yaml"))));
good(join(fixtures, "growctl.example.yaml"), under("settings", read(join(fixtures, "growctl.example.yaml"))));
const cases = (area) => list(join(repository, "tests/cases", area));
for (const path of cases("engine").flatMap((folder) => yaml(join(folder, "rules")))) {
  good(path, under(path.endsWith("_test.yaml") ? "test" : "rule", read(path)));
}
for (const folder of cases("rules")) {
  const loaded = read(join(folder, "error.txt"));
  for (const path of yaml(join(folder, "rules"))) {
    if (loaded.includes(`loaded: ${basename(path, ".yaml")}\n`)) good(path, under("rule", read(path)));
  }
}
for (const folder of cases("channels").filter((folder) => basename(folder).startsWith("warn-"))) {
  const path = join(folder, "channels.yaml");
  good(path, under("channels", read(path)));
}

// ---- what it refuses: an unknown key at every level, a wrong type in every key of a right file --------------------------
for (const folder of cases("channels").filter((folder) => basename(folder).startsWith("unknown-key"))) {
  const path = join(folder, "channels.yaml");
  bad(path, under("channels", read(path)), "is not allowed");
}
const rule = 'subscribe: "sensor:update:*"\nwhen: msg.t > 1\nthen: info(1)\n';
const map = (more) => `version: 1\nframes:\n  f: { length: 8, signals: { s: { byte: 0, type: u8 } } }\n${more}\n`;
const limit = (line) =>
  map(`devices: { r: { d: { kind: fan, safe: 0, watchdog: 15s, command: { bus: b, id: 1, frame: f, signal: s }, ${line} } } }`);
const test = (more) => `tests:\n  - name: n\n    ${more}\n`;
for (const [kind, text, part] of [
  ["rule", `${rule}wehn: true\n`, "wehn is not allowed"],
  ["rule", `${rule}for: 30\n`, "Incorrect type"],
  ["rule", `${rule}for: 30 parsecs\n`, "expected a duration with its unit"],
  ["rule", `${rule}stale: nver\n`, "or `never`"],
  ["rule", `${rule}priority: 101\n`, "100"],
  ["rule", `${rule}mode: shaddow\n`, "shadow"],
  ["rule", `${rule}schedule: [every 30s, at 25:00]\n`, "expected every 30s, at 07:00"],
  ["rule", `${rule}alert: { severety: warning }\n`, "severety is not allowed"],
  ["rule", `${rule}state: { "two words": 1 }\n`, "letters, digits and _ only"],
  ["rule", 'subscribe: "a"\nthen: info(1)\n', "when"],
  ["channels", map("room: {}"), "room is not allowed"],
  ["channels", "frames: {}\n", "version"],
  ["channels", "version: 2\n", "1"],
  ["channels", map("rooms: { r: { c: [{ node: n, frame: f, bus: b, id: 0x20000000 }] } }"), "536870911"],
  ["channels", map("rooms: { r: { c: [{ node: n, frame: f, bus: b, id: high }] } }"), "Incorrect type"],
  ["channels", map("rooms: { r: { c: { node: n, frame: f, bus: b } } }"), "array"],
  ["channels", map("buses: { b: { bitrate: 250kbit } }"), "expected a bitrate"],
  ["channels", map("defaults: { stale_after: 3 rounds }"), "expected cycles of the frame"],
  ["channels", map("").replace("type: u8", "type: u16"), "u16be"],
  ["channels", map("").replace("type: u8", 'dbc: "7|16@2+"'), "start|length@order sign"],
  ["channels", map("").replace("length: 8", "length: 9"), "12"],
  ["channels", map("devices: { r: { d: { kind: fan, safe: 0, watchdog: 15s } } }"), "command"],
  ["channels", limit("ramp: 10/day"), "expected a change per time"],
  ["channels", limit("max_on: 10"), "Incorrect type"],
  ["channels", limit("max_on: { time: 10m, lokout: 5m }"), "lokout is not allowed"],
  ["channels", limit("max_starts_per_hour: 0"), "1"],
  ["channels", limit("needs: [{ field: co2, below: 1500 }]"), "channel"],
  ["settings", "devices: { comands_from: all }\n", "comands_from is not allowed"],
  ["settings", "devices: { commands_from: nobody }\n", "all"],
  ["test", "test: []\n", "test is not allowed"],
  ["test", test("expect: []\n    expected: []"), "expected is not allowed"],
  ["test", test("input: []"), "expect"],
  ["test", test("expect: [{ at: 30, release: all }]"), "Incorrect type"],
  ["test", test("expect: [{ at: soon, release: all }]"), "expected a duration from the start"],
  ["test", test("expect: [{ at: 30s, set: R/d }]"), "to"],
  ["test", test("expect: []\n    start: 14 o'clock"), "expected a civil time"],
  ["test", test("expect: []\n    events: [{ at: 1s }]"), "properties"],
  ["test", test("commands: [{ at: 1s, device: R/d }]"), "state"],
  ["settings", "redis: { host: 127.0.0.1 }\n", "host is not allowed"],
  ["settings", "name: north house\n", "no spaces"],
  ["settings", "location: { latitude: 521, longitude: 4 }\n", "90"],
]) {
  bad(join(repository, "rules", kind), under(kind, text), part);
}

await Promise.all(jobs);

// ---- what it offers -----------------------------------------------------------------------------------------------------
const offered = async (kind, text, part) => {
  const { uri } = await open(join(repository, "rules", kind), under(kind, text));
  const lines = under(kind, text).split("\n");
  const position = { line: lines.length - 1, character: lines.at(-1).length };
  const answer = await line.sendRequest("textDocument/completion", { textDocument: { uri }, position });
  const items = answer.items ?? answer;
  const found = items.some((item) => item.label === part && JSON.stringify(item.documentation ?? item.detail ?? "").length > 4);
  found ? fine++ : fail(`completion of\n${text}\nlacks ${part} with a description: ${items.map((item) => item.label).join(", ")}`);
};
await offered("rule", rule, "until");
await offered("rule", `${rule}mode: `, "shadow");
await offered("rule", `${rule}alert:\n  `, "summary");
await offered("channels", "version: 1\nframes:\n  f:\n    ", "cycle");
await offered("channels", "version: 1\nframes:\n  f:\n    signals:\n      t:\n        ", "deadband");
await offered("channels", "version: 1\nrooms:\n  R:\n    c:\n      - ", "node");
await offered("test", "tests:\n  - name: n\n    ", "expect");
await offered("test", "tests:\n  - name: n\n    expect:\n      - ", "set");
await offered("settings", "redis:\n  ", "embedded");

line.dispose();
child.kill();
if (wrong.length) {
  console.error(wrong.join("\n\n"));
  console.error(`${wrong.length} wrong`);
  process.exit(1);
}
console.log(`editors: ${fine} right files and completions, ${refused} wrong files with a red line`);
