// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { makeBatch } from "../../tests/support/batches.ts";
import { testWith } from "../../tests/support/needs.ts";
import { freePort } from "../../common/free_port.ts";
import { EmbeddedClickHouse } from "../embedded/supervisor.ts";
import { StorageError } from "./client.ts";
import { MigrationError } from "./migrate.ts";
import { Storage } from "./storage.ts";
import { Writer } from "./writer.ts";

/** Returns a group of this minute: older samples go by retention. */
function groupOf(sequence: number) {
  const startNs = BigInt(Date.now()) * 1_000_000n;
  const window = { startNs, endNs: startNs + 1_000_000_000n, receivedMs: Date.now() };
  return { token: `test-${sequence}`, batches: [{ ...makeBatch({ sequence }), ...window }] };
}

/** A port that passes connections on to ClickHouse while it is open. */
function proxyTo(url: string): { readonly url: string; open(): void } & AsyncDisposable {
  const port = freePort();
  let server: Deno.HttpServer | undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    open() {
      server = Deno.serve({ hostname: "127.0.0.1", port, onListen() {} }, async (request) => {
        const { pathname, search } = new URL(request.url);
        const body = request.body && await request.bytes();
        return await fetch(url + pathname + search, {
          method: request.method,
          headers: request.headers,
          body,
        });
      });
    },
    async [Symbol.asyncDispose]() {
      await server?.shutdown();
    },
  };
}

testWith(["chdb"], "Storage makes its tables when a server that was away comes", async () => {
  const dataDir = await Deno.makeTempDir();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(dataDir, { recursive: true }));
  const engine = cleanup.use(await EmbeddedClickHouse.start({ dataDir }));
  const proxy = cleanup.use(proxyTo(engine.url));
  const { username, password } = engine;
  const storage = cleanup.use(await Storage.open({ url: proxy.url, username, password, retryMs: 20 }));
  const writer = new Writer(storage.client);
  const write = () => storage.writing(() => writer.write(groupOf(1)));
  assertStringIncludes(await storage.problem() ?? "", proxy.url);
  await assertRejects(write, StorageError, "no answer");

  proxy.open();
  const batch = groupOf(1).batches[0]!;
  await write();
  assertEquals(await storage.problem(), undefined);
  const [row] = await storage.client.rows<{ count: string }>("SELECT sum(count) AS count FROM samples");
  assertEquals(Number(row!.count), batch.samples.count.reduce((a, b) => a + b));
});

testWith(["chdb"], "Storage.open() refuses tables of a newer version", async () => {
  const dataDir = await Deno.makeTempDir();
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(dataDir, { recursive: true }));
  const { url, username, password } = cleanup.use(await EmbeddedClickHouse.start({ dataDir }));
  const options = { url, username, password };
  {
    await using first = await Storage.open(options);
    await first.client.command(
      "INSERT INTO migrations (number, name, checksum) SELECT 9999, 'from_the_future', 'x' SETTINGS async_insert = 0",
    );
  }
  await assertRejects(
    () => Storage.open(options),
    MigrationError,
    "it has migration from_the_future, this version knows ",
  );
});
