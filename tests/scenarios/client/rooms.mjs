// Rooms and broadcasts.

import assert from "node:assert/strict";
import { freshLabel, gather, ok, range, scenario, settled, transportIsFinal, until } from "../world.mjs";

// A message to a room reaches its members but the sender, until they leave.
scenario("rooms", async (world) => {
  const [a, b, c] = await Promise.all(range(3).map(() => world.connect()));
  const room = freshLabel("room");
  const news = [a, b, c].map((socket) => gather(socket, "news"));
  await ok(a, "join", [room]);
  await ok(b, "join", [room]);
  assert.deepEqual(await ok(a, "rooms"), [room]);
  await ok(a, "send", { rooms: [room], event: "news", args: ["from a"] });
  await ok(c, "send", { rooms: [room], event: "news", args: ["from c"] });
  await ok(c, "send from server", { rooms: [room], event: "news", args: ["from the server"] });
  await ok(b, "leave", room);
  assert.deepEqual(await ok(b, "rooms"), []);
  await ok(c, "send", { rooms: [room], event: "news", args: ["later"] });
  await settled(a, b, c);
  assert.deepEqual(news, [
    [["from c"], ["from the server"], ["later"]],
    [["from a"], ["from c"], ["from the server"]],
    [],
  ]);
});

// A message to several rooms reaches a member of several once.
scenario("several rooms", async (world) => {
  const [a, b, c, d] = await Promise.all(range(4).map(() => world.connect()));
  const [one, two] = [freshLabel("one"), freshLabel("two")];
  const news = [a, b, c, d].map((socket) => gather(socket, "news"));
  await ok(a, "join", [one, two]);
  await ok(b, "join", [one]);
  await ok(c, "join", [two]);
  assert.deepEqual(await ok(a, "rooms"), [one, two].sort());
  await ok(d, "send", { rooms: [one, two], event: "news", args: ["to both"] });
  await ok(d, "send from server", { rooms: [one, two], event: "news", args: ["server to both"] });
  await settled(a, b, c, d);
  assert.deepEqual(news, [...range(3).map(() => [["to both"], ["server to both"]]), []]);
});

// except_ leaves out the members of its rooms.
scenario("except", async (world) => {
  const [a, b, c] = await Promise.all(range(3).map(() => world.connect()));
  const [one, two] = [freshLabel("one"), freshLabel("two")];
  const news = [a, b, c].map((socket) => gather(socket, "news"));
  await ok(a, "join", [one]);
  await ok(b, "join", [one, two]);
  await ok(c, "join", [one]);
  await ok(c, "send", { rooms: [one], except: [two], event: "news", args: [1] });
  await ok(c, "send from server", { rooms: [one], except: [two], event: "news", args: [2] });
  await ok(c, "send from server", { rooms: [one], except: [a.id], event: "news", args: [3] });
  await settled(a, b, c);
  assert.deepEqual(news, [[[1], [2]], [[3]], [[2], [3]]]);
});

// socket.id is a room with that socket alone.
scenario("own room", async (world) => {
  const [a, b, c] = await Promise.all(range(3).map(() => world.connect()));
  const news = [a, b, c].map((socket) => gather(socket, "news"));
  await ok(a, "send", { rooms: [b.id], event: "news", args: ["direct"] });
  await ok(a, "send from server", { rooms: [a.id], event: "news", args: ["to myself"] });
  await settled(a, b, c);
  assert.deepEqual(news, [[["to myself"]], [["direct"]], []]);
});

// Who disconnected is in no room any more.
scenario("rooms of those who left", async (world) => {
  const room = freshLabel("room");
  const label = freshLabel("leaver");
  const [a, b] = [await world.connect({ auth: { label } }), await world.connect()];
  await ok(a, "join", [room]);
  await ok(b, "join", [room]);
  assert.equal(await ok(b, "room size", room), 2);
  a.disconnect();
  await world.departed(label);
  assert.equal(await ok(b, "room size", room), 1);
});

// broadcast reaches everybody but the sender.
scenario("broadcast", async (world) => {
  const sockets = await Promise.all(range(4).map(() => world.connect()));
  const news = sockets.map((socket) => gather(socket, "broadcast news"));
  const chat = await world.connect({ namespace: "/chat" });
  const other = gather(chat, "broadcast news");
  await ok(sockets[0], "broadcast", "broadcast news", "hear", Buffer.from([1, 2]));
  await settled(...sockets, chat);
  assert.deepEqual(news, [[], ...range(3).map(() => [["hear", Buffer.from([1, 2])]])]);
  assert.deepEqual(other, []);
});

// A broadcast of the server reaches everybody once.
scenario("broadcast of the server", async (world) => {
  const sockets = await Promise.all(range(3).map(() => world.connect()));
  const news = sockets.map((socket) => gather(socket, "broadcast news"));
  await ok(sockets[0], "send from server", { rooms: [], event: "broadcast news", args: ["all", null] });
  await settled(...sockets);
  assert.deepEqual(news, range(3).map(() => [["all", null]]));
});

// Volatile messages reach a client that is ready, in order and never twice.
scenario("volatile", async (world) => {
  const socket = await world.connect();
  await until(() => transportIsFinal(world, socket), "the transport is final");
  const arrived = gather(socket, "volatile");
  for (let n = 0; n < 50; n++) await ok(socket, "send volatile", n);
  await settled(socket);
  const numbers = arrived.map(([n]) => n);
  assert(numbers.length > 0, "no volatile message arrived");
  assert.deepEqual(numbers, [...new Set(numbers)].sort((x, y) => x - y));
});
