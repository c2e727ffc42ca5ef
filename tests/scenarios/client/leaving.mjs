// Disconnections, their reasons, and coming back.

import assert from "node:assert/strict";
import { Manager } from "socket.io-client";
import {
  disconnection,
  freshLabel,
  gather,
  next,
  ok,
  scenario,
  settled,
  transportIsFinal,
  until,
  waitsForPings,
} from "../world.mjs";

// disconnect() of the client is seen on both sides by its name.
scenario("the client disconnects", async (world) => {
  const label = freshLabel("leaver");
  const socket = await world.connect({ auth: { label } });
  const rooms = [freshLabel("room"), freshLabel("room")];
  await ok(socket, "join", rooms);
  const { id } = socket;
  const reason = disconnection(socket);
  socket.disconnect();
  assert.equal(await reason, "io client disconnect");
  assert.deepEqual(await world.departed(label), {
    reason: "client namespace disconnect",
    rooms: [id, ...rooms].sort(),
    times: 1,
  });
});

// disconnect() of the server is seen on both sides by its name and leaves the other namespaces alone.
scenario("the server disconnects", async (world) => {
  const label = freshLabel("removed");
  const manager = new Manager(world.url, world.clientOptions);
  const [root, chat] = [manager.socket("/", { auth: { label } }), manager.socket("/chat")];
  world.opened.push(root, chat);
  await Promise.all([world.connected(root), world.connected(chat)]);
  const reason = disconnection(root);
  const last = gather(root, "last words");
  root.emit("remove me", { close: false });
  assert.equal(await reason, "io server disconnect");
  assert.deepEqual(last, [["goodbye"]]);
  const seen = await world.departed(label);
  assert.deepEqual([seen.reason, seen.times], ["server namespace disconnect", 1]);
  assert.equal(await ok(chat, "echo", "still here"), "chat: still here");
  root.connect();
  await world.connected(root);
  assert.equal(await ok(root, "echo", "back"), "back");
});

// disconnect(close=True) says goodbye to every namespace and closes the connection.
scenario("the server closes", async (world) => {
  const label = freshLabel("closed");
  const manager = new Manager(world.url, world.clientOptions);
  const [root, chat] = [manager.socket("/", { auth: { label } }), manager.socket("/chat")];
  world.opened.push(root, chat);
  await Promise.all([world.connected(root), world.connected(chat)]);
  const reasons = [disconnection(root), disconnection(chat)];
  const last = gather(root, "last words");
  const closed = next(manager, "close");
  root.emit("remove me", { close: true });
  assert.deepEqual(await Promise.all(reasons), ["io server disconnect", "io server disconnect"]);
  await closed;
  assert.deepEqual(last, [["goodbye"]]);
  const seen = await world.departed(label);
  assert.deepEqual([seen.reason, seen.times], ["server namespace disconnect", 1]);
});

// A closed connection is a transport close on the server.
scenario("the transport closes", async (world) => {
  const label = freshLabel("cut");
  const socket = await world.connect({ auth: { label } });
  const { id } = socket;
  const room = freshLabel("room");
  await ok(socket, "join", [room]);
  socket.io.engine.close();
  assert.deepEqual(await world.departed(label), { reason: "transport close", rooms: [id, room].sort(), times: 1 });
});

// A connection that breaks without goodbye is a transport close on the server.
scenario("the network breaks", async (world) => {
  const label = freshLabel("broken");
  const socket = await world.connect({ auth: { label } });
  await until(() => transportIsFinal(world, socket), "the transport is final");
  await settled(socket);
  socket.io.engine.transport.ws.terminate();
  const seen = await world.departed(label);
  assert.deepEqual([seen.reason, seen.times], ["transport close", 1]);
});

// A client that is removed in its first event is told so and leaves once.
scenario("remove at once", async (world) => {
  const label = freshLabel("brief");
  const socket = world.open({ auth: { label } });
  socket.emit("remove me", { close: true });
  assert.equal(await disconnection(socket), "io server disconnect");
  assert.equal((await world.departed(label)).times, 1);
});

// A client that answers no ping is dropped for a ping timeout.
scenario("silent client", async (world) => {
  const label = freshLabel("silent");
  const socket = world.open({ auth: { label } });
  waitsForPings(socket);
  await world.connected(socket);
  await until(() => transportIsFinal(world, socket), "the transport is final");
  await settled(socket);
  const reason = disconnection(socket);
  const began = Date.now();
  const { engine } = socket.io;
  const send = engine._sendPacket;
  engine._sendPacket = function (type, ...rest) {
    if (type !== "pong") send.call(this, type, ...rest);
  };
  assert(["transport close", "transport error"].includes(await reason));
  assert(Date.now() - began < 10_000);
  const seen = await world.departed(label);
  assert.deepEqual([seen.reason, seen.times], ["ping timeout", 1]);
});

// A client that only answers pings stays connected over many intervals.
scenario("idle client", async (world) => {
  const socket = await world.connect();
  await until(() => transportIsFinal(world, socket), "the transport is final");
  let pings = 0;
  socket.io.on("ping", () => pings++);
  await until(() => pings >= 4 || !socket.connected, "four pings have come");
  assert.equal(await ok(socket, "echo", "still here"), "still here");
});

// A server that sends no ping is left for a ping timeout, and found again.
scenario("silent server", async (world) => {
  const socket = await world.connect({ reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 });
  await until(() => transportIsFinal(world, socket), "the transport is final");
  await settled(socket);
  const reason = disconnection(socket);
  world.say("connected");
  assert.equal(await reason, "ping timeout");
  world.say("disconnected");
  await world.connected(socket);
  assert.equal(await ok(socket, "echo", "back"), "back");
});

// After a restart of the server on the same port the client comes back by itself.
scenario("restart", async (world) => {
  const label = world.params.label;
  const options = { reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200, auth: { label } };
  const socket = await world.connect(options);
  await until(() => transportIsFinal(world, socket), "the transport is final");
  await settled(socket);
  socket.emit("collect", "nothing comes back");
  await next(socket.io.engine, "drain"); // a client that polls has its next poll under way by now
  const { id } = socket;
  const reason = disconnection(socket);
  world.say("connected");
  assert.equal(await reason, "transport close");
  world.say("disconnected");
  socket.emit("collect", "sent while away");
  await new Promise((resolve) => socket.once("connect", resolve));
  assert.notEqual(socket.id, id);
  assert.equal(await ok(socket, "echo", Buffer.from("back")).then(String), "back");
  assert.deepEqual(await ok(socket, "collected"), ["sent while away"]);
});
