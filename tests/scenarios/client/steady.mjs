// A well-behaved client, to be watched while others misbehave.

import { ask, range, scenario } from "../world.mjs";

// Echoes go round without pause until the server says that it is enough; what is told is how that went.
scenario("echo steadily", async (world) => {
  const socket = await world.connect({ auth: world.params.auth });
  const seen = { id: socket.id, trips: 0, slowest: 0, median: 0, wrong: 0, disconnections: [] };
  const times = [];
  let enough = false;
  socket.on("enough", () => (enough = true));
  socket.on("disconnect", (reason) => seen.disconnections.push(reason));
  world.say("steady");
  while (!enough && seen.disconnections.length === 0) {
    const began = performance.now();
    const answer = await ask(socket, "echo", seen.trips % 2 ? seen.trips : Buffer.from(range(seen.trips % 200)));
    times.push(performance.now() - began);
    const right = seen.trips % 2 ? answer.data === seen.trips : answer.data.equals(Buffer.from(range(seen.trips % 200)));
    if (!right) seen.wrong++;
    seen.trips++;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  times.sort((a, b) => a - b);
  return { ...seen, disconnections: [...seen.disconnections], slowest: times.at(-1), median: times[times.length >> 1] };
});
