// socket.io on Node. Usage: node node.mjs PORT

import { createServer } from "node:http";
import { Server } from "socket.io";
import { adapter } from "./adapter.mjs";
import { listen } from "./handlers.mjs";

const http = createServer();
listen(new Server(http, await adapter()));
http.listen(Number(process.argv[2]), "127.0.0.1");
