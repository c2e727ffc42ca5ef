// Connecting and being refused.

import assert from "node:assert/strict";
import { freshLabel, gather, next, ok, plain, scenario, settled, until } from "../world.mjs";

scenario("connect with auth", "What the client gives as auth is what the server sees.", async (world) => {
  const auth = { token: "t0k€n", nested: { list: [1, null, { deep: true }] }, empty: "" };
  const socket = await world.connect({ auth });
  assert.deepEqual(await ok(socket, "handshake auth"), auth);
  assert.equal(await ok(socket, "own id"), socket.id);
});

scenario("connect without auth", "A client without auth is seen with an empty one.", async (world) => {
  const socket = await world.connect();
  assert.deepEqual(await ok(socket, "handshake auth"), {});
});

scenario("query and headers", "The handshake has the client's query and headers.", async (world) => {
  const socket = await world.connect({ query: { horse: "piebald é" }, extraHeaders: { "x-horse": "grey" } });
  const seen = await ok(socket, "handshake request", "horse", "x-horse");
  assert.deepEqual(seen, { query: "piebald é", header: "grey" });
});

scenario("transport", "The client ends on the transport that it was told to use.", async (world) => {
  const socket = await world.connect();
  const expected = world.transport === "polling" ? "polling" : "websocket";
  await until(() => socket.io.engine.transport.name === expected, `the transport is ${expected}`);
  await settled(socket);
  assert.equal(socket.io.engine.transport.name, expected);
});

scenario("refuse with message and data", "ConnectionRefused reaches connect_error as it was raised.", async (world) => {
  const socket = world.open({ auth: { refuse: "named" } });
  const [error] = await next(socket, "connect_error");
  assert.equal(error.message, "not in this stable 🐎");
  assert.deepEqual(error.data, { code: "NO_STABLE", places: [1, null] });
  assert.equal(socket.connected, false);
});

scenario("refuse without data", "ConnectionRefused without data reaches connect_error without data.", async (world) => {
  const socket = world.open({ auth: { refuse: "bare" } });
  const [error] = await next(socket, "connect_error");
  assert.equal(error.message, "full");
  assert.equal(error.data, undefined);
});

scenario("refuse by a plain error", "Any other error of on_connection reaches the client masked.", async (world) => {
  const socket = world.open({ auth: { refuse: "plain" } });
  const [error] = await next(socket, "connect_error");
  assert.equal(error.message, "An internal server error has occurred.");
  assert.deepEqual(error.data, { code: "INTERNAL_SERVER_ERROR" });
});

scenario("come back after a refusal", "A refused client gets in on the same connection once it may.", async (world) => {
  const socket = world.open({ auth: { refuse: "named" } });
  await next(socket, "connect_error");
  const engine = socket.io.engine;
  socket.auth = { horse: "bay" };
  socket.connect();
  await world.connected(socket);
  assert.deepEqual(await ok(socket, "handshake auth"), { horse: "bay" });
  assert.equal(socket.io.engine, engine);
});

scenario("refused clients stay out", "A refused client is in no room and receives no broadcast.", async (world) => {
  const label = freshLabel("refused");
  const refused = world.open({ auth: { refuse: "named", join: label } });
  const heard = [];
  refused.onAny((...args) => heard.push(args));
  await next(refused, "connect_error");
  const socket = await world.connect();
  await ok(socket, "send from server", { rooms: [label], event: "news", args: [1] });
  assert.equal(await ok(socket, "room size", label), 0);
  refused.auth = {};
  refused.connect();
  await world.connected(refused);
  await settled(refused);
  assert.deepEqual(heard, []);
});

scenario("welcome", "What on_connection emits and joins is there once the client is connected.", async (world) => {
  const label = freshLabel("welcome");
  const socket = world.open({ auth: { welcome: "hello", join: label } });
  const welcomes = gather(socket, "welcome");
  await world.connected(socket);
  await ok(socket, "send from server", { rooms: [label], event: "welcome", args: ["room"] });
  await settled(socket);
  assert.deepEqual(welcomes, [["hello"], ["room"]]);
});

scenario("slow on_connection", "A client is connected when an async on_connection has ended, not before.", async (world) => {
  const socket = world.open({ auth: { wait: 0.1 } });
  const began = Date.now();
  socket.emit("echo", "early", () => {});
  await world.connected(socket);
  assert(Date.now() - began >= 95);
  assert.equal(await ok(socket, "echo", "late"), "late");
});
