// What scenarios are written with: sockets that are closed at the end, and waits that have an end.

import assert from "node:assert/strict";
import { io } from "socket.io-client";

export const PATIENCE = 15_000; // ms that a single awaited thing may take

export class World {
  constructor({ scenario, url, transport, options = {}, params = {} }) {
    Object.assign(this, { name: scenario, url, transport, options, params });
    this.opened = [];
  }

  get clientOptions() {
    const transports = { polling: ["polling"], websocket: ["websocket"], upgrade: ["polling", "websocket"] };
    return { transports: transports[this.transport], forceNew: true, reconnection: false, ...this.options };
  }

  /** A socket on a connection of its own; it connects in the background. */
  open({ namespace = "/", ...options } = {}) {
    const socket = io(this.url + namespace, { ...this.clientOptions, ...options });
    this.opened.push(socket);
    return socket;
  }

  async connect(options) {
    return this.connected(this.open(options));
  }

  async connected(socket) {
    if (!socket.connected) {
      await within(
        new Promise((resolve, reject) => {
          socket.once("connect", resolve);
          socket.once("connect_error", (error) => reject(new Error(`connect_error: ${error.message}`)));
        }),
        "the connection",
      );
    }
    return socket;
  }

  /** What the server's on_disconnect saw of the socket that connected with this label; waits until it has run. */
  async departed(label) {
    const watcher = await this.connect();
    const seen = await ok(watcher, "departed", label);
    watcher.disconnect();
    return seen;
  }

  say(progress, data) {
    print({ name: this.name, progress, data });
  }

  close() {
    for (const socket of this.opened) {
      socket.io.reconnection(false);
      socket.disconnect();
      socket.io.engine?.close();
    }
  }
}

export function print(line) {
  process.stdout.write(JSON.stringify(line) + "\n");
}

export async function within(promise, what, ms = PATIENCE) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The arguments of the next `event` on a socket, manager or engine. */
export function next(emitter, event, ms = PATIENCE) {
  return within(new Promise((resolve) => emitter.once(event, (...args) => resolve(plain(args)))), `"${event}"`, ms);
}

/** All that arrives as `event` from now on: a list of argument lists. */
export function gather(socket, event) {
  const arrived = [];
  socket.on(event, (...args) => arrived.push(plain(args)));
  return arrived;
}

export async function until(condition, what, ms = PATIENCE) {
  const end = Date.now() + ms;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited ${ms} ms until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Emit with a callback and return what the callback got. */
export async function ask(socket, event, ...args) {
  return plain(await socket.timeout(PATIENCE).emitWithAck(event, ...args));
}

/** Emit with a callback and return the data of the positive answer. */
export async function ok(socket, event, ...args) {
  const answer = await ask(socket, event, ...args);
  assert.equal(answer.status, "ok", `${event} answered ${JSON.stringify(answer)}`);
  return answer.data;
}

/** What was sent to these sockets before is there once this returns, for messages keep their order. */
export async function settled(...sockets) {
  await Promise.all(sockets.map((socket) => ok(socket, "echo", "settled")));
}

/** Binary data as Buffers, whichever type the transport delivers. */
export function plain(value) {
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  if (Buffer.isBuffer(value)) return value;
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return value.map(plain);
  if (value && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return value;
}

export function range(count) {
  return Array.from({ length: count }, (_, index) => index);
}

let labels = 0;
export function freshLabel(what) {
  return `${what}-${process.pid}-${++labels}`;
}

/** The reason of a socket's next disconnection. */
export async function disconnection(socket) {
  const [reason] = await next(socket, "disconnect");
  return reason;
}

export const INTERNAL = {
  status: "error",
  error: { code: "INTERNAL_SERVER_ERROR", message: "An internal server error has occurred." },
};

/** All scenarios by name; the sentence above each is the property that it shows. */
export const scenarios = new Map();

export function scenario(name, run) {
  assert(!scenarios.has(name), `two scenarios are named "${name}"`);
  scenarios.set(name, run);
}

/** Let a socket that is about to connect wait for pings for long: then it is the server that gives up, if either does. */
export function waitsForPings(socket) {
  socket.io.engine.once("handshake", (handshake) => (handshake.pingTimeout = 60_000));
}

/** Whether the client is on the transport that it will stay on. */
export function transportIsFinal(world, socket) {
  return socket.io.engine.transport.name === (world.transport === "polling" ? "polling" : "websocket");
}
