// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { delay } from "@std/async/delay";
import type { Connection } from "./connection.ts";
import { type ConnectionLimits, defaultLimits, Listener } from "./listener.ts";

const LISTEN = { hostname: "127.0.0.1", port: 0 };

/** Returns a listener that sends back what it is sent, and clients of it that are closed with it. */
function echo(
  limits: Partial<ConnectionLimits>,
  serve = (connection: Connection) => void connection.pipe(connection),
) {
  const listener = new Listener({ listen: LISTEN, limits, name: "a test", onConnection: serve });
  const clients = new DisposableStack();
  return {
    listener,
    connect: async () => clients.use(await Deno.connect(listener.address)),
    async [Symbol.asyncDispose]() {
      clients.dispose();
      await listener[Symbol.asyncDispose]();
    },
  };
}

/** Returns what comes back for one byte; `null` where the connection is closed. */
async function ask(client: Deno.TcpConn): Promise<number | null> {
  try {
    await client.write(Uint8Array.of(7));
    return await client.read(new Uint8Array(1));
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe) return null;
    throw error;
  }
}

/** Settles when the peer closed. */
async function closed(client: Deno.TcpConn): Promise<void> {
  while (await client.read(new Uint8Array(65_536)).catch(() => null) !== null) { /* what was under way */ }
}

Deno.test("Listener takes as many connections as it may, and others again when some are closed", async () => {
  await using at = echo({ connections: 3, perAddress: 3 });
  const first = [await at.connect(), await at.connect(), await at.connect()];
  for (const client of first) assertEquals(await ask(client), 1);
  assertEquals(await ask(await at.connect()), null);
  assertEquals([at.listener.connections, at.listener.refused], [3, { full: 1, address: 0 }]);
  first[0]!.close();
  while (at.listener.connections === 3) await delay(1);
  assertEquals(await ask(await at.connect()), 1);
});

Deno.test("Listener gives what comes whole and in order, in small pieces and in large ones", async () => {
  await using at = echo({});
  const client = await at.connect();
  const sent = crypto.getRandomValues(new Uint8Array(60_000));
  for (const size of [1, 4096, 5000, 60_000, 3, 8192, 20_000]) {
    const piece = sent.subarray(0, size);
    const writing = (async () => {
      for (let rest = piece; rest.length > 0;) rest = rest.subarray(await client.write(rest));
    })();
    const back = new Uint8Array(size);
    for (let got = 0; got < size;) got += (await client.read(back.subarray(got)))!;
    await writing;
    assertEquals(back, piece);
  }
});

Deno.test("Listener leaves room for other addresses than the one with many connections", async () => {
  await using at = echo({ connections: 3, perAddress: 2 });
  for (let i = 0; i < 2; i++) assertEquals(await ask(await at.connect()), 1);
  assertEquals(await ask(await at.connect()), null);
  assertEquals(at.listener.refused, { full: 0, address: 1 });
});

Deno.test("Listener closes who says nothing, who has nothing more to say, and who does not listen", async () => {
  await using at = echo({ firstByteMs: 30, idleMs: 120_000, unreadMs: 120_000 });
  const silent = await at.connect();
  await closed(silent);
  assertEquals(at.listener.closed, { silent: 1, idle: 0, unread: 0 });

  await using idling = echo({ firstByteMs: 120_000, idleMs: 60, unreadMs: 120_000 });
  const idle = await idling.connect();
  assertEquals(await ask(idle), 1);
  await closed(idle);
  assertEquals(idling.listener.closed, { silent: 0, idle: 1, unread: 0 });

  const offered = Promise.withResolvers<Connection>();
  await using pouring = echo({ unreadMs: 60, idleMs: 120_000 }, (connection) => {
    offered.resolve(connection);
    // More than the sockets between them hold.
    connection.write(new Uint8Array(64 << 20));
  });
  await pouring.connect();
  const connection = await offered.promise;
  if (!connection.closed) await new Promise((resolve) => connection.once("close", resolve));
  assertEquals(pouring.listener.closed, { silent: 0, idle: 0, unread: 1 });
});

Deno.test("Listener keeps who takes what it is sent, however slowly", async () => {
  await using at = echo({ unreadMs: 1000 }, (connection) => void connection.end(new Uint8Array(16 << 20)));
  const client = await at.connect();
  let bytes = 0;
  const buffer = new Uint8Array(1 << 20);
  for (let read; (read = await client.read(buffer)) !== null; bytes += read) await delay(150);
  assertEquals([bytes, at.listener.closed.unread], [16 << 20, 0]);
});

Deno.test("defaultLimits() leaves descriptors for files, and for the other port", () => {
  for (const descriptors of [64, 1024, 65_536, 1_048_576]) {
    const { connections, perAddress } = defaultLimits(descriptors);
    assertGreater(connections, 0);
    assertLess(perAddress, connections);
    if (descriptors > 512) assertLess(2 * connections, descriptors - 255);
  }
});
