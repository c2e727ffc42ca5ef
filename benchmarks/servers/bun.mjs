// socket.io on Bun, with the engine that is made for it. Usage: bun bun.mjs PORT

import { Server as Engine } from "@socket.io/bun-engine";
import { Server } from "socket.io";
import { adapter } from "./adapter.mjs";
import { listen } from "./handlers.mjs";

const io = new Server(await adapter());
const engine = new Engine({ path: "/socket.io/" });
io.bind(engine);
listen(io);

export default { hostname: "127.0.0.1", port: Number(process.argv[2]), ...engine.handler() };
