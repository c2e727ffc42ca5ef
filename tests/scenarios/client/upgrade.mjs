// Traffic in the middle of an upgrade.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { PATIENCE, ok, plain, range, scenario } from "../world.mjs";

// Text and binary both ways in the middle of an upgrade: none lost, doubled or reordered.
scenario("traffic during upgrades", async (world) => {
  const { connections, atOnce } = world.params;
  const total = { sent: 0, received: 0, sentBefore: 0, receivedBefore: 0 };
  let left = connections;
  const worker = async () => {
    while (left-- > 0) {
      const seen = await trafficOfOne(world);
      for (const key of Object.keys(total)) total[key] += seen[key];
    }
  };
  await Promise.all(range(atOnce).map(worker));
  return total;
});

function bodyOf(n) {
  return n % 2 ? Buffer.from(`bytes ${n}`) : `text ${n}`;
}

async function trafficOfOne(world) {
  const socket = world.open();
  const seen = { sent: 0, received: 0, sentBefore: 0, receivedBefore: 0 };
  const faults = [];
  let upgraded = false;
  let after = 0;
  const receive = (n, body) => {
    if (n !== seen.received) faults.push(`got ${n} in place of ${seen.received}`);
    if (!isDeepStrictEqual(plain(body), bodyOf(n))) faults.push(`message ${n} has another body`);
    seen.received++;
    if (!upgraded) seen.receivedBefore++;
    else after++;
  };
  socket.on("flow text", receive);
  socket.on("flow bytes", receive);
  socket.io.once("open", () => socket.io.engine.once("upgrade", () => (upgraded = true)));
  await world.connected(socket);
  socket.emit("flow start");
  const end = Date.now() + PATIENCE;
  while (after < 50) {
    for (let i = 0; i < 2; i++) {
      const n = seen.sent++;
      socket.emit(n % 2 ? "flow bytes" : "flow text", n, bodyOf(n));
      if (!upgraded) seen.sentBefore++;
    }
    if (Date.now() > end || !socket.connected) {
      assert.fail(`stopped: ${JSON.stringify({ ...seen, upgraded, after, connected: socket.connected, faults })}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  const server = await ok(socket, "flow stop");
  assert.deepEqual(faults, []);
  assert.deepEqual(server, { received: seen.sent, sent: seen.received, faults: [] });
  assert.equal(socket.io.engine.transport.name, "websocket");
  socket.disconnect();
  return seen;
}
