// What can be said: JSON, binary data, large messages, any script, and in which order.

import assert from "node:assert/strict";
import { disconnection, freshLabel, gather, next, ok } from "../world.mjs";
import { range, scenario, settled, transportIsFinal, until } from "../world.mjs";

// Any number of arguments of any JSON kind arrive unchanged and in order, both ways.
scenario("arguments", async (world) => {
  const socket = await world.connect();
  const lists = [
    [],
    [null],
    ["a", 2, null, true, false],
    [[], {}, [[]], { a: {} }],
    [0, -1, 1.5, 1e300, -1e-300, 2 ** 53 - 1, -(2 ** 53) + 1, 5e-324],
    ["", " ", "0", "null", "__proto__", "constructor"],
    [{ nested: { list: [1, [2, [3, [4, { five: 5 }]]]] } }, { "": "", "a.b": 1, "key 🐎": null }],
    [{ _placeholder: false, num: 0 }, { status: "ok", data: "looks like an envelope" }],
    range(50),
    [JSON.parse("[".repeat(100) + "]".repeat(100))],
  ];
  for (const args of lists) {
    assert.deepEqual(await ok(socket, "echo all", ...args), args);
    const sent = next(socket, "sent back");
    socket.emit("send back", ...args);
    assert.deepEqual(await sent, args);
  }
  assert.deepEqual(await ok(socket, "payload and more", 1, 2, 3), { payload: 1, more: [2, 3] });
  assert.deepEqual(await ok(socket, "payload and more"), { payload: null, more: [] });
});

// Binary data nested anywhere arrives unchanged, both ways, in events and in acks.
scenario("binary", async (world) => {
  const socket = await world.connect();
  const bytes = Buffer.from(range(256));
  const lists = [
    [bytes],
    [Buffer.alloc(0)],
    [Buffer.alloc(0), bytes, Buffer.alloc(0)],
    [{ deep: { list: [bytes, "text", [Buffer.from("a")], null], empty: Buffer.alloc(0) } }],
    ["before", bytes, { n: 1 }, [bytes, [bytes]], "after"],
    range(10).map((n) => Buffer.alloc(n, n)),
    [Buffer.from("4hello"), Buffer.from("b4"), Buffer.from("\x1e\x1e")],
    [Buffer.alloc(125, 1), Buffer.alloc(126, 2), Buffer.alloc(65_535, 3), Buffer.alloc(65_536, 4)],
    [Buffer.alloc(300_000, 7), { again: Buffer.alloc(200_001, 9) }],
  ];
  for (const args of lists) {
    assert.deepEqual(await ok(socket, "echo all", ...args), args);
    const sent = next(socket, "sent back");
    socket.emit("send back", ...args);
    assert.deepEqual(await sent, args);
  }
});

// Typed arrays and ArrayBuffers arrive as the bytes that they show.
scenario("binary views", async (world) => {
  const socket = await world.connect();
  const whole = new Uint8Array([0, 1, 2, 3, 4, 5]);
  assert.deepEqual(await ok(socket, "echo", whole.subarray(2, 4)), Buffer.from([2, 3]));
  assert.deepEqual(await ok(socket, "echo", whole.buffer), Buffer.from([0, 1, 2, 3, 4, 5]));
  assert.equal(await ok(socket, "kind of", whole), "bytes");
});

// The client's callback may answer with binary data.
scenario("binary ack of the client", async (world) => {
  const socket = await world.connect();
  socket.on("question", (question, callback) => callback({ parts: [question.bytes, Buffer.alloc(0)] }));
  const answer = await ok(socket, "ask me", { question: { bytes: Buffer.from([1, 2, 3]) }, timeout: 5 });
  assert.deepEqual(answer, { parts: [Buffer.from([1, 2, 3]), Buffer.alloc(0)] });
});

// Binary messages keep their place among text messages, both ways.
scenario("binary among texts", async (world) => {
  const socket = await world.connect();
  const arrived = gather(socket, "sent back");
  const sent = range(200).map((n) => [n, n % 3 ? "text" : Buffer.alloc(n, n)]);
  for (const args of sent) socket.emit("send back", ...args);
  await until(() => arrived.length >= 200, "200 messages are back");
  await settled(socket);
  assert.deepEqual(arrived, sent);
});

// A message just under the limit passes, both ways.
scenario("900 kB of text", async (world) => {
  const socket = await world.connect();
  const text = "0123456789".repeat(90_000);
  assert.equal((await ok(socket, "echo", text)) === text, true);
  assert.equal((await ok(socket, "make text", 900_000)) === "x".repeat(900_000), true);
  const wide = "é🐎".repeat(100_000); // 600 kB as UTF-8
  assert.equal((await ok(socket, "echo", wide)) === wide, true);
});

// The limit is on what comes in: the server may send more.
scenario("2 MB from the server", async (world) => {
  const socket = await world.connect();
  assert.equal((await ok(socket, "make text", 2_000_000)) === "x".repeat(2_000_000), true);
});

// A message over the limit ends its own connection and no other.
scenario("message over the limit", async (world) => {
  const label = freshLabel("large");
  const other = await world.connect();
  const socket = await world.connect({ auth: { label } });
  await until(() => !socket.io.engine.upgrading && transportIsFinal(world, socket), "the transport is final");
  const reason = disconnection(socket);
  let answered = false;
  socket.emit("echo", "x".repeat(1_000_001), () => (answered = true));
  assert(["transport close", "transport error"].includes(await reason));
  assert.equal(answered, false);
  const seen = await world.departed(label);
  assert(["transport close", "transport error"].includes(seen.reason), seen.reason);
  assert.equal(other.connected, true);
  assert.equal(await ok(other, "echo", "unharmed"), "unharmed");
});

// A message of more than 1 MB passes where the limit is higher.
scenario("1 MB with the limit raised", async (world) => {
  const socket = await world.connect();
  const text = "x".repeat(1_100_000);
  assert.equal((await ok(socket, "echo", text)) === text, true);
  const bytes = Buffer.alloc(1_100_000, 5);
  assert.equal(bytes.equals(await ok(socket, "echo", bytes)), true);
});

const TEXTS = [
  "ascii",
  "é ü ß ø",
  "漢字 かな 한글",
  "🐎 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿",
  "e\u0301 n\u0303 combining",
  "عربى שלום right to left \u202e",
  "\u0000 NUL \u0000",
  "\u2028 \u2029 line and paragraph",
  "\u0001\u001e\u001f\u007f\u0080\u009f controls",
  "\ufeff byte order mark \ufffe \uffff",
  'quotes " \\ / \b\f\n\r\t',
  "half a pair \ud83d",
  "\udc0e the other half",
  "\udc0e\ud83d reversed",
  "\\ud83d written out",
];

// Text of any script arrives unchanged, both ways, lone surrogates included.
scenario("unicode", async (world) => {
  const socket = await world.connect();
  for (const text of TEXTS) {
    assert.equal(await ok(socket, "echo", text), text);
    assert.deepEqual(await ok(socket, "echo", { [text]: [text] }), { [text]: [text] });
    const sent = next(socket, "sent back");
    socket.emit("send back", text, Buffer.from([1]), text);
    assert.deepEqual(await sent, [text, Buffer.from([1]), text]);
  }
});

// Text of any script that the server makes arrives as it was meant.
scenario("unicode of the server", async (world) => {
  const socket = await world.connect();
  const texts = await ok(socket, "make unicode");
  assert.deepEqual(texts, {
    astral: "🐎",
    combining: "e\u0301",
    nul: "a\u0000b",
    separators: "\u2028\u2029",
    "lone surrogate": "\ud83d",
  });
});

// Event names may have any character, both ways.
scenario("unicode in event names", async (world) => {
  const socket = await world.connect();
  for (const name of ["horse 🐎 e\u0301 \u0000 \u2028 漢字", "half \ud83d", " spaces ", '"quoted\\"', "users créer"]) {
    const sent = next(socket, name);
    assert.equal(await ok(socket, name), name);
    assert.deepEqual(await sent, [name]);
  }
});

// Auth may hold any character.
scenario("unicode in auth and refusal", async (world) => {
  const auth = Object.fromEntries(TEXTS.map((text) => [text, text]));
  const socket = await world.connect({ auth });
  assert.deepEqual(await ok(socket, "handshake auth"), auth);
});

// 1000 messages keep their order, each way, and so do those emitted before the connection.
scenario("order", async (world) => {
  const socket = world.open();
  for (const n of range(1000)) socket.emit("collect", n);
  await world.connected(socket);
  for (const n of range(1000)) socket.emit("collect", 1000 + n);
  assert.deepEqual(await ok(socket, "collected"), range(2000));
  const numbers = gather(socket, "number");
  socket.emit("count", 1000);
  await until(() => numbers.length >= 1000, "1000 numbers are there");
  await settled(socket);
  assert.deepEqual(numbers, range(1000).map((n) => [n]));
});

// Messages keep their order over many separate sends, each way at the same time.
scenario("order with pauses", async (world) => {
  const socket = await world.connect();
  const numbers = gather(socket, "number");
  socket.emit("count slowly", 100);
  for (const n of range(100)) {
    socket.emit("collect", n);
    if (n % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.deepEqual(await ok(socket, "collected"), range(100));
  await until(() => numbers.length >= 100, "100 numbers are there");
  assert.deepEqual(numbers, range(100).map((n) => [n]));
});
