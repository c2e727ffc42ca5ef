// The scenarios of the official JavaScript client.
//
// Reads one request per line from stdin, { scenario, url, transport, options, params }, runs it and writes one line,
// { name, ok, error, data }. A scenario that needs the other side to act in between writes { name, progress } lines.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import "./client/connecting.mjs";
import "./client/events.mjs";
import "./client/payloads.mjs";
import "./client/rooms.mjs";
import "./client/namespaces.mjs";
import "./client/leaving.mjs";
import "./client/upgrade.mjs";
import "./client/steady.mjs";
import { print, scenarios, within, World } from "./world.mjs";

async function run(request) {
  const world = new World(request);
  const found = scenarios.get(request.scenario);
  try {
    assert(found, `there is no scenario "${request.scenario}"`);
    const data = await within(found(world), "the scenario to end", request.params?.patience ?? 30_000);
    return { name: request.scenario, ok: true, error: null, data: data ?? null };
  } catch (error) {
    return { name: request.scenario, ok: false, error: error?.stack ?? String(error), data: null };
  } finally {
    world.close();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  print(await run(JSON.parse(line)));
}
process.exit(0);
