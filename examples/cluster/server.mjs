// The Node server of the cluster: what app.py does for its clients, it does for its own.

import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const { PORT, REDIS_URL = "redis://localhost:6379", SERVER_NAME = "Node" } = process.env;

const publisher = createClient({ url: REDIS_URL });
const subscriber = publisher.duplicate();
for (const client of [publisher, subscriber]) client.on("error", error => console.error(String(error)));
await Promise.all([publisher.connect(), subscriber.connect()]);

const http = createServer();
const io = new Server(http, { adapter: createAdapter(publisher, subscriber) });

const isText = payload => typeof payload === "string" && [...payload].length <= 200 && /\S/.test(payload);

io.on("connection", socket => {
  socket.emit("server", SERVER_NAME);
  socket.on("say", (text, answer) => {
    if (!isText(text)) {
      answer?.({ status: "error", error: { code: "VALIDATION_PAYLOAD_ERROR" } });
      return;
    }
    io.emit("said", { text, by: SERVER_NAME });
    answer?.({ status: "ok" });
  });
});

http.listen(Number(PORT ?? 3001), "127.0.0.1");
