// The way to the other servers of a cluster, which CLUSTER ("classic" or "sharded") and REDIS (a URL) name.

export async function adapter() {
  if (!process.env.CLUSTER) return {};
  const { createAdapter, createShardedAdapter } = await import("@socket.io/redis-adapter");
  const { createClient } = await import("redis");
  const publishing = createClient({ url: process.env.REDIS });
  const listening = publishing.duplicate();
  await Promise.all([publishing.connect(), listening.connect()]);
  return { adapter: (process.env.CLUSTER === "sharded" ? createShardedAdapter : createAdapter)(publishing, listening) };
}
