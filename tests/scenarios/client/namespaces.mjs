// Namespaces and several of them on one connection.

import assert from "node:assert/strict";
import { Manager } from "socket.io-client";
import { ask, freshLabel, gather, next, ok, range, scenario, settled } from "../world.mjs";

// A second root controller serves its own namespace, with its own events and rooms.
scenario("namespace", async (world) => {
  const chat = await world.connect({ namespace: "/chat", auth: { nick: "bay" } });
  assert.deepEqual(await ok(chat, "echo", "x"), "chat: x");
  assert.deepEqual(await ok(chat, "handshake auth"), { nick: "bay" });
  assert.equal((await ask(chat, "send back", 1)).error.code, "UNKNOWN_EVENT");
  const root = await world.connect();
  const room = freshLabel("shared name");
  const news = [chat, root].map((socket) => gather(socket, "news"));
  await ok(chat, "join", [room]);
  await ok(root, "join", [room]);
  await ok(root, "send from server", { rooms: [room], event: "news", args: ["root"] });
  await ok(chat, "send from server", { rooms: [room], event: "news", args: ["chat", Buffer.from([1])] });
  await settled(root);
  await ok(chat, "echo", "settled");
  assert.deepEqual(news, [[["chat", Buffer.from([1])]], [["root"]]]);
});

// A namespace that nobody serves is refused by its name.
scenario("unknown namespace", async (world) => {
  for (const namespace of ["/nowhere", "/chat/", "/Chat", "/cha", "/%2F"]) {
    const socket = world.open({ namespace });
    const [error] = await next(socket, "connect_error");
    assert.equal(error.message, "Invalid namespace", namespace);
    assert.equal(error.data, undefined);
  }
});

// A namespace may refuse while the others on the connection live on.
scenario("refusal in a namespace", async (world) => {
  const manager = new Manager(world.url, world.clientOptions);
  const root = manager.socket("/");
  world.opened.push(root);
  await world.connected(root);
  const chat = manager.socket("/chat", { auth: { refuse: true } });
  const [error] = await next(chat, "connect_error");
  assert.deepEqual([error.message, error.data], ["no chat", ["for", "you"]]);
  assert.equal(await ok(root, "echo", "unharmed"), "unharmed");
});

// Two namespaces share one connection and live apart.
scenario("multiplexing", async (world) => {
  const manager = new Manager(world.url, world.clientOptions);
  const label = freshLabel("multiplexed");
  const [root, chat] = [manager.socket("/", { auth: { label } }), manager.socket("/chat")];
  world.opened.push(root);
  await Promise.all([world.connected(root), world.connected(chat)]);
  assert.equal(root.io, chat.io);
  assert.notEqual(root.id, chat.id);
  const answers = await Promise.all(
    range(100).map((n) => ok(n % 2 ? root : chat, "echo", n % 3 ? `${n}` : Buffer.from([n]))),
  );
  assert.deepEqual(
    answers,
    range(100).map((n) => (n % 2 ? (n % 3 ? `${n}` : Buffer.from([n])) : n % 3 ? `chat: ${n}` : "chat: bytes")),
  );
  root.disconnect();
  const seen = await world.departed(label);
  assert.equal(seen.reason, "client namespace disconnect");
  assert.equal(await ok(chat, "echo", "still here"), "chat: still here");
  root.connect();
  await world.connected(root);
  assert.equal(await ok(root, "echo", "back"), "back");
  assert.equal(root.io.engine, chat.io.engine);
});
