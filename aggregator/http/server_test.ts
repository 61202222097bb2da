import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fleet, FleetQueries } from "../../tests/support/fleet.ts";
import { createHandler } from "./handler.ts";
import { serveHttp } from "./server.ts";
import { testOptions } from "./testing.ts";

const ANY_PORT = { hostname: "127.0.0.1", port: 0 };

Deno.test("serveHttp() answers on the port that it took, and ends with its signal", async () => {
  const end = new AbortController();
  const server = serveHttp({ listen: ANY_PORT, handler: createHandler(testOptions()), signal: end.signal });
  const url = `http://127.0.0.1:${server.address.port}/healthz`;
  assertEquals(await (await fetch(url)).text(), "ok\n");
  end.abort();
  await server.finished;
  await assertRejects(() => fetch(url), TypeError);
});

Deno.test("serveHttp() says that a port is in use", async () => {
  await using server = serveHttp({ listen: ANY_PORT, handler: createHandler(testOptions()) });
  const { port } = server.address;
  assertThrows(
    () => serveHttp({ listen: server.address, handler: createHandler(testOptions()) }),
    Error,
    `Cannot listen on 127.0.0.1:${port}: the port is in use`,
  );
});

Deno.test("serveHttp() ends a query when its client hangs up", async () => {
  const asked = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const queries = new FleetQueries(fleet());
  queries.stacks = (_: unknown, options?: { signal?: AbortSignal }) => {
    asked.resolve();
    const signal = options!.signal!;
    return new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        aborted.resolve();
        reject(signal.reason);
      });
    });
  };
  await using server = serveHttp({ listen: ANY_PORT, handler: createHandler(testOptions({ queries })) });
  const client = await Deno.connect(server.address);
  await client.write(new TextEncoder().encode("GET /api/flamegraph HTTP/1.1\r\nhost: a\r\n\r\n"));
  await asked.promise;
  client.close();
  await aborted.promise;
});
