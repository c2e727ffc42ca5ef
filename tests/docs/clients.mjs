// Official clients that run what a page says; `clients.py` is the other side.
//
// Reads one request per line from stdin, { do, client, ... }, and answers each with one line, { value } or { error }.

import { createInterface } from "node:readline";
import { format } from "node:util";
import { io } from "socket.io-client";
import { PATIENCE, until, within } from "../scenarios/world.mjs";

const AsyncFunction = (async () => {}).constructor;
const clients = [];

class Client {
  constructor(url, options) {
    this.socket = io(url, { forceNew: true, reconnection: false, autoConnect: false, ...options });
    this.printed = [];
    this.heard = [];
    this.console = { log: (...values) => this.printed.push(format(...values)) };
    this.socket.onAny((...message) => this.heard.push(plain(message)));
  }

  ask(event, ...args) {
    return this.socket.timeout(PATIENCE).emitWithAck(event, ...args);
  }

  run(code) {
    const names = ["socket", "console", "ask"];
    return new AsyncFunction(...names, code)(this.socket, this.console, (...message) => this.ask(...message));
  }

  next(event) {
    return within(new Promise((resolve) => this.socket.once(event, (...args) => resolve(args))), `"${event}"`);
  }
}

const actions = {
  async open({ url, code, options, awaits }) {
    const client = new Client(url, options);
    await client.run(code);
    const happened = client.next(awaits);
    client.socket.connect();
    const [error] = await happened;
    return { client: clients.push(client) - 1, error: error && [error.message, error.data ?? null] };
  },
  run: (client, { code }) => client.run(code),
  ask: (client, { args }) => client.ask(...args),
  emit: (client, { args }) => void client.socket.emit(...args),
  heard: (client, { count }) => taken(client.heard, count, "messages"),
  printed: (client, { count }) => taken(client.printed, count, "printed lines"),
  id: (client) => client.socket.id,
  left: (client) => client.socket.connected && client.next("disconnect"),
  disconnect: (client) => void client.socket.disconnect(),
  close: () => clients.splice(0).forEach((client) => client.socket.disconnect()),
};

/** All that a list holds once there is enough in it; it is empty then. */
async function taken(list, count, what) {
  await until(() => list.length >= count, `there are ${count} ${what}`);
  return list.splice(0);
}

/** Binary data as lists of bytes under "bytes", so that it goes through JSON. */
function plain(value) {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return { bytes: [...new Uint8Array(value)] };
  if (Array.isArray(value)) return value.map(plain);
  if (value && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
  }
  return value;
}

async function answer(request) {
  try {
    const action = actions[request.do];
    const value = await ("client" in request ? action(clients[request.client], request) : action(request));
    return { value: plain(value) ?? null };
  } catch (error) {
    return { error: error?.stack ?? String(error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
}
process.exit(0);
