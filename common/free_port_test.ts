// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { freePort } from "./free_port.ts";

Deno.test("freePort() is what nobody listens on, and none that a connection is given", () => {
  const port = freePort();
  assertEquals(freePort(port), port);
  using listener = Deno.listen({ hostname: "127.0.0.1", port });
  assertNotEquals(freePort(listener.addr.port), port);
  const [least] = Deno.readTextFileSync("/proc/sys/net/ipv4/ip_local_port_range").split("\t").map(Number);
  for (let i = 0; i < 100; i++) assert(freePort() < Math.max(least!, 32_768));
});
