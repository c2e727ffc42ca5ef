// The Node server of the cluster. It does what app.py does.

import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const { PORT, REDIS_URL = "redis://localhost:6379", SERVER_NAME = "Node" } = process.env;

const publisher = createClient({ url: REDIS_URL });
const subscriber = publisher.duplicate();
for (const client of [publisher, subscriber]) client.on("error", error => console.error(String(error)));
await Promise.all([publisher.connect(), subscriber.connect()]);

const io = new Server({ adapter: createAdapter(publisher, subscriber) });

io.on("connection", socket => {
  socket.emit("server", SERVER_NAME);
  socket.on("say", (text, answer) => {
    if (typeof text === "string" && text.length >= 1 && text.length <= 200) {
      io.emit("said", { text, by: SERVER_NAME });
      answer?.({ status: "ok" });
    }
  });
});

io.listen(Number(PORT ?? 3001));
