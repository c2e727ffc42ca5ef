// The benchmark's events for socket.io, on Node and on Bun: bare handlers.

const echo = (payload, answer) => answer({ status: "ok", data: payload });

export function listen(io) {
  io.on("connection", (socket) => {
    socket.on("echo", echo);
    socket.on("echo async", async (payload, answer) => answer({ status: "ok", data: payload }));
    socket.on("echo plain", echo);
    socket.on("publish", (payload, answer) => {
      io.emit("msg", payload);
      answer({ status: "ok" });
    });
    socket.on("join", (payload, answer) => {
      const numbers = Array.from({ length: payload.count }, (_, index) => payload.first + index);
      socket.join(numbers.map((number) => `room ${number}`));
      answer({ status: "ok" });
    });
    socket.on("publish room", (payload, answer) => {
      io.to("room 0").emit("msg", payload);
      answer({ status: "ok" });
    });
    socket.on("disconnect all", () => io.disconnectSockets(true));
  });
}
