// A server of the cluster on Node, an emitter on Node, and official clients of any server; `node.py` is the other side.
//
// Reads one request per line from stdin, { do, ... }, and answers each with one line, { value } or { error }. Binary
// values are lists of bytes under "bytes".

import { once } from "node:events";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { io as connect } from "socket.io-client";
import { until, within } from "../scenarios/world.mjs";

const NAMESPACES = ["/", "/chat"];
const servers = [];
const clients = [];
const emitters = [];

class ClusterServer {
  constructor() {
    this.told = []; // what other servers have emitted
    this.left = []; // who has disconnected, and why
  }

  async start({ sharded, redis, options }) {
    this.pub = await redisClient(redis);
    this.sub = await redisClient(redis);
    const adapter = (sharded ? createShardedAdapter : createAdapter)(this.pub, this.sub, options);
    this.http = createServer();
    this.io = new Server(this.http, { adapter });
    for (const name of NAMESPACES) {
      this.io.of(name).on("connection", (socket) => {
        socket.data.server = "node";
        socket.on("disconnect", (reason) => this.left.push([socket.id, reason]));
      });
      this.io.of(name).on("told", (...args) => {
        const answer = typeof args.at(-1) === "function" ? args.pop() : () => {};
        this.told.push([name, ...args]);
        answer({ from: "node", ünï: bytes(1, 2) });
      });
    }
    this.http.listen(0, "127.0.0.1");
    await once(this.http, "listening");
    return this.http.address().port;
  }

  async stop() {
    await this.io.close();
    await this.pub.close();
    await this.sub.close();
  }

  chosen({ namespace, rooms, excluded, flags, seconds }) {
    let choice = this.io.of(namespace);
    if (rooms.length) choice = choice.to(rooms);
    if (excluded.length) choice = choice.except(excluded);
    for (const flag of flags) choice = choice[flag];
    return seconds ? choice.timeout(seconds * 1000) : choice;
  }
}

class Client {
  constructor({ url, answer, ...options }) {
    this.heard = [];
    this.socket = connect(url, { forceNew: true, reconnection: false, transports: ["websocket"], ...options });
    this.socket.onAny((...message) => {
      const acknowledge = typeof message.at(-1) === "function" ? message.pop() : () => {};
      this.heard.push(plain(message));
      if (answer !== undefined) acknowledge(revived(answer), "more than one argument");
    });
    this.socket.on("disconnect", (reason) => (this.reason = reason));
  }

  /** What was heard before `fence` came. */
  async take(fence) {
    const at = () => this.heard.findIndex(([event, number]) => event === "fence" && number === fence);
    await until(() => at() >= 0, `the fence ${fence} is heard, not ${JSON.stringify(this.heard)}`);
    return this.heard.splice(0, at() + 1).slice(0, -1);
  }
}

async function redisClient(url) {
  const client = createClient({ url });
  client.on("error", (error) => console.error(error));
  return client.connect();
}

const actions = {
  // servers
  async start(request) {
    const server = new ClusterServer();
    const port = await server.start(request);
    return { server: servers.push(server) - 1, port };
  },
  stop: ({ server }) => servers[server].stop(),
  emit: ({ server, whom, args }) => void servers[server].chosen(whom).emit(...args),
  emitInOrder({ server, whom, count }) {
    for (let number = 0; number < count; number++) servers[server].chosen(whom).emit("number", number);
  },
  ask: ({ server, whom, args }) => withResponses(servers[server].chosen(whom).emitWithAck(...args)),
  fetch: async ({ server, whom }) => (await servers[server].chosen(whom).fetchSockets()).map(details),
  join: ({ server, whom, rooms }) => void servers[server].chosen(whom).socketsJoin(rooms),
  leave: ({ server, whom, rooms }) => void servers[server].chosen(whom).socketsLeave(rooms),
  disconnect: ({ server, whom, close }) => void servers[server].chosen(whom).disconnectSockets(close),
  tell: ({ server, whom, args }) => void servers[server].chosen(whom).serverSideEmit(...args),
  tellAndAsk: ({ server, whom, args }) => withResponses(servers[server].chosen(whom).serverSideEmitWithAck(...args)),
  told: ({ server }) => servers[server].told.splice(0),
  reasons: ({ server }) => servers[server].left,
  rooms({ server, namespace }) {
    const { rooms, sids } = servers[server].io.of(namespace).adapter;
    return [...rooms.keys()].filter((room) => !sids.has(room));
  },
  serverCount: ({ server, namespace }) => servers[server].io.of(namespace).adapter.serverCount(),
  allRooms: async ({ server, namespace }) => [...(await servers[server].io.of(namespace).adapter.allRooms())],
  /** Values that only JavaScript has, and rooms that are numbers. */
  emitOdd({ server }) {
    const { io } = servers[server];
    io.local.socketsJoin(5);
    io.emit("odd", new Date(0), undefined, { at: [new Date(1e12 + 1)], none: undefined }, NaN, new Uint8Array([1, 2]));
    io.emit("odd", new Date(-1)); // without binary values
    io.to(5).emit("to a number");
    io.except(5).emit("but a number");
    io.except(5).socketsJoin([6, 7.5]);
    io.to(7.5).socketsLeave(6);
  },
  /** One step with a socket of any server, as `fetchSockets` gives it. */
  async remote({ server, namespace, id, method, args, seconds }) {
    const [socket] = await servers[server].io.of(namespace).in(id).fetchSockets();
    const answer = await (seconds ? socket.timeout(seconds * 1000) : socket)[method](...args);
    return method === "emitWithAck" ? answer : null;
  },

  // emitters
  async openEmitter({ redis, key, namespace }) {
    const client = await redisClient(redis);
    const emitter = new Emitter(client, { key }).of(namespace);
    return emitters.push({ client, emitter }) - 1;
  },
  emitterDoes({ number, rooms, excluded, flags, method, args }) {
    let choice = emitters[number].emitter;
    if (rooms.length) choice = choice.to(rooms);
    if (excluded.length) choice = choice.except(excluded);
    for (const flag of flags) choice = choice[flag];
    choice[method](...args);
  },

  // clients
  async open(request) {
    const client = new Client(request);
    await within(once(client.socket, "connect"), `the connection to ${request.url}`);
    return { client: clients.push(client) - 1, id: client.socket.id };
  },
  take: ({ client, fence }) => clients[client].take(fence),
  async left({ client }) {
    await until(() => clients[client].reason, "the client is disconnected");
    return clients[client].reason;
  },
  emitFrom: ({ client, args }) => clients[client].socket.timeout(5000).emitWithAck(...args),

  async clear() {
    clients.splice(0).forEach(({ socket }) => socket.disconnect());
    for (const { client } of emitters.splice(0)) await client.close();
  },
};

async function withResponses(asked) {
  try {
    return { complete: true, responses: await asked };
  } catch (error) {
    return { complete: false, responses: error.responses };
  }
}

function details({ id, rooms, data, handshake }) {
  return { id, rooms: [...rooms], data, handshake: JSON.parse(JSON.stringify(handshake)) };
}

function bytes(...values) {
  return Buffer.from(values);
}

function plain(value) {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return { bytes: [...new Uint8Array(value)] };
  return mapped(value, plain);
}

function revived(value) {
  return Array.isArray(value?.bytes) ? Buffer.from(value.bytes) : mapped(value, revived);
}

function mapped(value, change) {
  if (Array.isArray(value)) return value.map(change);
  if (value && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, change(item)]));
  }
  return value;
}

async function answer({ do: name, args, ...request }) {
  try {
    const value = await actions[name]({ ...request, args: args && revived(args) });
    return { value: plain(value) ?? null };
  } catch (error) {
    return { error: error?.stack ?? String(error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
}
process.exit(0);
