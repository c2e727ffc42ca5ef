// Traffic in the middle of an upgrade.

import assert from "node:assert/strict";
import { PATIENCE, ok, plain, range, scenario } from "../world.mjs";

scenario("traffic during upgrades", "Text and binary both ways in the middle of an upgrade: none lost, doubled or reordered.", async (world) => {
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

async function trafficOfOne(world) {
  const socket = world.open();
  const seen = { sent: 0, received: 0, sentBefore: 0, receivedBefore: 0 };
  const faults = [];
  let upgraded = false;
  let after = 0;
  const receive = (n, body) => {
    if (n !== seen.received) faults.push(`got ${n} in place of ${seen.received}`);
    const right = n % 2 ? Buffer.isBuffer(plain(body)) && plain(body).toString() === `bytes ${n}` : body === `text ${n}`;
    if (!right) faults.push(`message ${n} has another body`);
    seen.received++;
    if (!upgraded) seen.receivedBefore++;
    else after++;
  };
  socket.on("flow text", receive);
  socket.on("flow bytes", receive);
  await world.connected(socket);
  socket.io.engine.once("upgrade", () => (upgraded = true));
  socket.emit("flow start");
  const end = Date.now() + PATIENCE;
  while (after < 50) {
    for (let i = 0; i < 2; i++) {
      const n = seen.sent++;
      if (n % 2) socket.emit("flow bytes", n, Buffer.from(`bytes ${n}`));
      else socket.emit("flow text", n, `text ${n}`);
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
  assert(seen.sentBefore > 0 && seen.sent > seen.sentBefore);
  socket.disconnect();
  return seen;
}
