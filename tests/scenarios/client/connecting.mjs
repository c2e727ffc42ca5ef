// Connecting and being refused.

import assert from "node:assert/strict";
import { Manager } from "socket.io-client";
import { freshLabel, gather, next, ok, scenario, settled, until } from "../world.mjs";

// What the client gives as auth is what the server sees.
scenario("connect with auth", async (world) => {
  const auth = { token: "t0k€n", nested: { list: [1, null, { deep: true }] }, empty: "" };
  const socket = await world.connect({ auth });
  assert.deepEqual(await ok(socket, "handshake auth"), auth);
  assert.equal(await ok(socket, "own id"), socket.id);
});

// A client without auth is seen with an empty one.
scenario("connect without auth", async (world) => {
  const socket = await world.connect();
  assert.deepEqual(await ok(socket, "handshake auth"), {});
});

// The handshake has the client's query and headers.
scenario("query and headers", async (world) => {
  const socket = await world.connect({ query: { horse: "piebald é" }, extraHeaders: { "x-horse": "grey" } });
  const seen = await ok(socket, "handshake request", "horse", "x-horse");
  assert.deepEqual(seen, { query: "piebald é", header: "grey" });
});

// The client ends on the transport that it was told to use.
scenario("transport", async (world) => {
  const socket = await world.connect();
  const expected = world.transport === "polling" ? "polling" : "websocket";
  await until(() => socket.io.engine.transport.name === expected, `the transport is ${expected}`);
  await settled(socket);
  assert.equal(socket.io.engine.transport.name, expected);
});

// ConnectionRefused reaches connect_error as it was raised.
scenario("refuse with message and data", async (world) => {
  const socket = world.open({ auth: { refuse: "named" } });
  const [error] = await next(socket, "connect_error");
  assert.equal(error.message, "not in this stable 🐎");
  assert.deepEqual(error.data, { code: "NO_STABLE", places: [1, null] });
  assert.equal(socket.connected, false);
});

// ConnectionRefused without data reaches connect_error without data.
scenario("refuse without data", async (world) => {
  const socket = world.open({ auth: { refuse: "bare" } });
  const [error] = await next(socket, "connect_error");
  assert.equal(error.message, "full");
  assert.equal(error.data, undefined);
});

// Any other error of on_connection reaches the client masked.
scenario("refuse by a plain error", async (world) => {
  const socket = world.open({ auth: { refuse: "plain" } });
  const [error] = await next(socket, "connect_error");
  assert.equal(error.message, "An internal server error has occurred.");
  assert.deepEqual(error.data, { code: "INTERNAL_SERVER_ERROR" });
});

// A refused client gets in on the connection that it still has, once it may.
scenario("come back after a refusal", async (world) => {
  const manager = new Manager(world.url, world.clientOptions);
  const chat = manager.socket("/chat");
  const socket = manager.socket("/", { auth: { refuse: "named" } });
  world.opened.push(chat, socket);
  await next(socket, "connect_error");
  await world.connected(chat);
  const { engine } = manager;
  socket.auth = { horse: "bay" };
  socket.connect();
  await world.connected(socket);
  assert.deepEqual(await ok(socket, "handshake auth"), { horse: "bay" });
  assert.equal(manager.engine, engine);
  assert.equal(await ok(chat, "echo", "unharmed"), "chat: unharmed");
});

// A refused client is in no room and receives no broadcast.
scenario("refused clients stay out", async (world) => {
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

// What on_connection emits and joins is there once the client is connected.
scenario("welcome", async (world) => {
  const label = freshLabel("welcome");
  const socket = world.open({ auth: { welcome: "hello", join: label } });
  const welcomes = gather(socket, "welcome");
  await world.connected(socket);
  await ok(socket, "send from server", { rooms: [label], event: "welcome", args: ["room"] });
  await settled(socket);
  assert.deepEqual(welcomes, [["hello"], ["room"]]);
});

// A client is connected when an async on_connection has ended, not before.
scenario("slow on_connection", async (world) => {
  const socket = world.open({ auth: { wait: 0.1 } });
  const began = Date.now();
  socket.emit("echo", "early", () => {});
  await world.connected(socket);
  assert(Date.now() - began >= 95);
  assert.equal(await ok(socket, "echo", "late"), "late");
});

// Behind proxies that the server trusts, the handshake has the address of the client that the first of them named.
scenario("address behind a proxy", async (world) => {
  const socket = await world.connect({ extraHeaders: { "x-forwarded-for": "203.0.113.9" } });
  assert.equal(await ok(socket, "handshake address"), "203.0.113.9");
});

// A handshake from the page of another origin is refused on every transport.
scenario("foreign origin", async (world) => {
  const socket = world.open({ extraHeaders: { origin: world.params.origin ?? "http://elsewhere.example" } });
  const [error] = await next(socket, "connect_error");
  assert.equal(error.type, "TransportError");
  if (world.transport !== "websocket") assert.equal(error.description, 403);
  assert.equal(socket.connected, false);
});
