// SPDX-License-Identifier: Apache-2.0
import { serveHttp } from "../../common/serve_http.ts";
import { fleet } from "../../tests/support/fleet.ts";
import { FleetQueries } from "../../tests/support/fleet_queries.ts";
import { createHandler } from "./handler.ts";
import { testOptions } from "../../tests/support/http_handler.ts";

Deno.test("createHandler() ends a query when its client hangs up", async () => {
  const asked = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const queries = new FleetQueries(fleet());
  queries.tree = (_: unknown, options?: { signal?: AbortSignal }) => {
    asked.resolve();
    const signal = options!.signal!;
    return new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        aborted.resolve();
        reject(signal.reason);
      });
    });
  };
  const listen = { hostname: "127.0.0.1", port: 0 };
  await using server = serveHttp({ listen, handler: createHandler(testOptions({ queries })) });
  const client = await Deno.connect(server.address);
  await client.write(new TextEncoder().encode("GET /api/flamegraph HTTP/1.1\r\nhost: a\r\n\r\n"));
  await asked.promise;
  client.close();
  await aborted.promise;
});
