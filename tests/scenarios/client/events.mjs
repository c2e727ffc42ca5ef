// Events, acks and errors.

import assert from "node:assert/strict";
import {
  INTERNAL,
  ask,
  freshLabel,
  gather,
  next,
  ok,
  range,
  scenario,
  settled,
  transportIsFinal,
  until,
  waitsForPings,
} from "../world.mjs";

// The ack of a response is its envelope.
scenario("echo with ack", async (world) => {
  const socket = await world.connect();
  assert.deepEqual(await ask(socket, "echo", "one"), { status: "ok", data: "one" });
  assert.deepEqual(await ask(socket, "echo", { a: [1, { b: null }] }), { status: "ok", data: { a: [1, { b: null }] } });
  assert.deepEqual(await ask(socket, "respond", "error", "no"), { status: "error", error: "no" });
  assert.deepEqual(await ask(socket, "respond", "ok bare"), { status: "ok" });
  assert.deepEqual(await ask(socket, "respond", "error bare"), { status: "error" });
  assert.deepEqual(await ask(socket, "respond", "ok", null), { status: "ok", data: null });
  assert.deepEqual(await ask(socket, "respond", "error", null), { status: "error", error: null });
});

// Each of many outstanding acks reaches its own callback.
scenario("many acks at once", async (world) => {
  const socket = await world.connect();
  const answers = await Promise.all(range(200).map((n) => ok(socket, "echo", n)));
  assert.deepEqual(answers, range(200));
});

// A slow async method holds up no other event, and its answer is its own.
scenario("acks out of order", async (world) => {
  const socket = await world.connect();
  const finished = [];
  const slow = ok(socket, "echo later", 0.15, "slow").then((answer) => finished.push(answer));
  const fast = ok(socket, "echo", "fast").then((answer) => finished.push(answer));
  await Promise.all([slow, fast]);
  assert.deepEqual(finished, ["fast", "slow"]);
});

// emit_with_ack returns what the client's callback was given.
scenario("ack of the client", async (world) => {
  const socket = await world.connect();
  socket.on("question", (question, callback) => callback({ heard: question, answer: 42 }));
  const answer = await ok(socket, "ask me", { question: "why?", timeout: 5 });
  assert.deepEqual(answer, { heard: "why?", answer: 42 });
});

// emit_with_ack raises AckTimeout for a client that does not answer.
scenario("ack of the client fails", async (world) => {
  const socket = await world.connect();
  socket.on("question", () => {});
  const began = Date.now();
  assert.deepEqual(await ask(socket, "ask me", { question: "why?", timeout: 0.1 }), {
    status: "error",
    error: "AckTimeout",
  });
  assert(Date.now() - began >= 90);
  assert.equal(await ok(socket, "echo", "still here"), "still here");
});

// An answer after the timeout disturbs nothing.
scenario("late ack of the client", async (world) => {
  const socket = await world.connect();
  let answer;
  socket.once("question", (_, callback) => (answer = callback));
  assert.equal((await ask(socket, "ask me", { question: "first", timeout: 0.05 })).error, "AckTimeout");
  answer("too late");
  answer = null;
  socket.once("question", (question, callback) => callback(`answer to ${question}`));
  assert.equal(await ok(socket, "ask me", { question: "second", timeout: 5 }), "answer to second");
});

// emit_with_ack raises ClientDisconnected when the client leaves.
scenario("the asked client leaves", async (world) => {
  const label = freshLabel("asked");
  const socket = await world.connect();
  const asked = next(socket, "question");
  socket.emit("ask me", { question: "why?", timeout: 60, label });
  await asked;
  socket.disconnect();
  const watcher = await world.connect();
  assert.equal(await ok(watcher, "noted", label), "ClientDisconnected");
});

// Answers find their questions, in whatever order they come.
scenario("several questions at once", async (world) => {
  const socket = await world.connect();
  const waiting = [];
  socket.on("question", (question, callback) => {
    waiting.push(() => callback(`answer to ${question}`));
    if (waiting.length === 20) waiting.reverse().forEach((answer) => answer());
  });
  const answers = await Promise.all(range(20).map((n) => ok(socket, "ask me", { question: n, timeout: 5 })));
  assert.deepEqual(answers, range(20).map((n) => `answer to ${n}`));
});

// A question to a room brings the answers of all its members, and is not held up by one that leaves.
scenario("acks of a room", async (world) => {
  const sockets = await Promise.all(range(4).map(() => world.connect()));
  const [a, b, c, asker] = sockets;
  const room = freshLabel("room");
  for (const socket of [a, b, c]) await ok(socket, "join", [room]);
  a.on("question", (question, callback) => callback({ from: "a", question }));
  b.on("question", (question, callback) => callback(Buffer.from(question)));
  c.on("question", () => c.disconnect());
  const answer = await ok(asker, "ask room", { room, question: "who?", timeout: 5 });
  assert.equal(answer.length, 2);
  assert.deepEqual(answer.find((one) => !Buffer.isBuffer(one)), { from: "a", question: "who?" });
  assert.deepEqual(answer.find((one) => Buffer.isBuffer(one)), Buffer.from("who?"));
  assert.deepEqual(await ok(asker, "ask room", { room: freshLabel("empty"), question: "?", timeout: 5 }), []);
});

// A question to a room that somebody does not answer raises AckTimeout with the answers of the others.
scenario("acks of a room fail", async (world) => {
  const [a, b, asker] = await Promise.all(range(3).map(() => world.connect()));
  const room = freshLabel("room");
  for (const socket of [a, b]) await ok(socket, "join", [room]);
  a.on("question", (question, callback) => callback("here"));
  const answer = await ask(asker, "ask room", { room, question: "who?", timeout: 0.1 });
  assert.deepEqual(answer, { status: "error", error: ["here"] });
});

// More events at once than the server runs at a time are all answered, and the client stays connected meanwhile.
scenario("busy client", async (world) => {
  const socket = world.open();
  waitsForPings(socket);
  await world.connected(socket);
  const other = await world.connect();
  // What is held back in the middle of an upgrade holds pings back with it, longer than this server's are apart.
  await until(() => transportIsFinal(world, socket), "the upgrade is done");
  const label = freshLabel("busy");
  const waiting = () => ok(other, "readers of", label);
  const answers = Promise.all(range(150).map((n) => ok(socket, "echo once noted", label, n)));
  const release = async () => {
    while ((await waiting()) < 100);
    // The server reads this client no more: the first ping may still be in time, the second one is in place of the end.
    let pings = 0;
    socket.io.on("ping", () => pings++);
    await until(() => pings >= 2, "two pings have come");
    assert.equal(await waiting(), 100);
    await ok(other, "note", label);
  };
  await Promise.all([answers, release()]);
  assert.deepEqual(await answers, range(150));
  assert.equal(await ok(socket, "echo", "still here"), "still here");
});

// A method that returns None does not call the client's callback.
scenario("no answer to None", async (world) => {
  const socket = await world.connect();
  let called = false;
  const ran = next(socket, "silence kept");
  socket.emit("keep silent", 1, () => (called = true));
  await ran;
  await settled(socket);
  assert.equal(called, false);
});

// An event without callback runs its method.
scenario("event without callback", async (world) => {
  const socket = await world.connect();
  const sent = next(socket, "sent back");
  socket.emit("send back", "x");
  assert.deepEqual(await sent, ["x"]);
  const heard = [];
  socket.onAny((...args) => heard.push(args));
  socket.emit("echo", "nobody listens");
  socket.emit("fail");
  socket.emit("no such event");
  await settled(socket);
  assert.deepEqual(heard, []);
});

// An event that nobody handles gets an error, and only if it asked for an ack.
scenario("unknown event", async (world) => {
  const socket = await world.connect();
  socket.emit("nobody handles this");
  for (const name of ["nobody handles this", "", "été 🐎", "half \udc0e", "__init__", "on_connection", "17"]) {
    const answer = await ask(socket, name, 1);
    assert.equal(answer.status, "error");
    assert.equal(answer.error.code, "UNKNOWN_EVENT");
    assert.equal(typeof answer.error.message, "string");
  }
});

// An error of a method reaches the client masked, whether def or async def.
scenario("method that raises", async (world) => {
  const socket = await world.connect();
  assert.deepEqual(await ask(socket, "fail"), INTERNAL);
  assert.deepEqual(await ask(socket, "fail later"), INTERNAL);
  assert.equal(await ok(socket, "echo", "still here"), "still here");
});

// A return value that is no response is an internal error.
scenario("wrong return value", async (world) => {
  const socket = await world.connect();
  assert.deepEqual(await ask(socket, "return a string"), INTERNAL);
});

// A payload that breaks the schema gets all its errors, and the method does not run.
scenario("validation", async (world) => {
  const socket = await world.connect();
  assert.deepEqual(await ask(socket, "create product", { name: "saddle" }), { status: "ok", data: "saddle" });
  const answer = await ask(socket, "create product", { price: "x", colour: 1 });
  assert.equal(answer.status, "error");
  assert.equal(answer.error.code, "VALIDATION_PAYLOAD_ERROR");
  const errors = answer.error.payload;
  assert.deepEqual(errors.map((error) => error.keyword).sort(), ["additionalProperties", "required", "type"]);
  const required = errors.find((error) => error.keyword === "required");
  assert.deepEqual(required, {
    instancePath: "",
    schemaPath: "#/required",
    keyword: "required",
    params: { missingProperty: "name" },
    message: "must have required property 'name'",
  });
  const type = errors.find((error) => error.keyword === "type");
  assert.deepEqual([type.instancePath, type.schemaPath, type.params], [
    "/price",
    "#/properties/price/type",
    { type: "number" },
  ]);
  const binary = await ask(socket, "create product", { name: Buffer.from("saddle") });
  assert.equal(binary.error.code, "VALIDATION_PAYLOAD_ERROR");
  assert.deepEqual(binary.error.payload.map((error) => [error.keyword, error.instancePath]), [["type", "/name"]]);
  assert.equal((await ask(socket, "create product")).error.code, "VALIDATION_PAYLOAD_ERROR");
});

// A response given to emit arrives as its envelope, any other value as it is.
scenario("emitted responses", async (world) => {
  const socket = await world.connect();
  const kinds = gather(socket, "kind");
  await ok(socket, "emit kinds");
  await settled(socket);
  assert.deepEqual(kinds, [
    [{ status: "ok", data: "x" }],
    [{ status: "ok" }],
    [{ status: "ok", data: null }],
    [{ status: "error", error: "e" }],
    [{ status: "error" }],
    ["raw"],
    [{ status: "raw" }],
    [null],
    [],
    [1, { status: "ok", data: [2, Buffer.from([3])] }, "three"],
  ]);
});

// Responses become envelopes in broadcasts and in the server's emits.
scenario("emitted responses to rooms", async (world) => {
  const [one, two] = [await world.connect(), await world.connect()];
  const room = freshLabel("room");
  await ok(two, "join", [room]);
  const kinds = gather(two, "kind");
  await ok(one, "emit kinds to", room);
  await settled(two);
  assert.deepEqual(kinds, [
    [{ status: "ok", data: "to" }],
    [{ status: "error", error: "server" }],
    [{ status: "ok", data: "broadcast" }],
  ]);
});
