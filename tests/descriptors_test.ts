// SPDX-License-Identifier: Apache-2.0
/**
 * A process that has no descriptors left takes connections again when it has some.
 */

import { assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { writeBatch } from "../profile/wire/write_batch.ts";
import { makeBatch } from "./support/batches.ts";
import { pushOnce } from "./support/grpc_client.ts";

const PROGRAM = new URL("support/two_ports.ts", import.meta.url).pathname;
const DESCRIPTORS = 120;

/** Returns the status line of an answer on a connection of its own. */
async function askOnce(port: number): Promise<string | undefined> {
  using client = await Deno.connect({ hostname: "127.0.0.1", port });
  await client.write(new TextEncoder().encode("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"));
  const buffer = new Uint8Array(4096);
  return new TextDecoder().decode(buffer.subarray(0, await client.read(buffer) ?? 0)).split("\r\n")[0];
}

Deno.test("both ports answer again after clients had taken all descriptors", async () => {
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      `ulimit -n ${DESCRIPTORS}; exec "$@"`,
      "sh",
      Deno.execPath(),
      "run",
      "--quiet",
      "--frozen",
      "--no-check",
      "--unstable-kv",
      "--allow-all",
      PROGRAM,
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = child.stdout.getReader();
  const input = child.stdin.getWriter();
  try {
    const { http, grpc } = JSON.parse(new TextDecoder().decode((await output.read()).value));
    const pushes = async (sequence: number) => {
      return (await pushOnce(`127.0.0.1:${grpc}`, writeBatch(makeBatch({ sequence })), {})).code;
    };
    assertEquals([await askOnce(http), await pushes(1)], ["HTTP/1.1 200 OK", 0]);
    for (const port of [http, grpc]) {
      using clients = new DisposableStack();
      for (let i = 0; i < 2 * DESCRIPTORS; i++) {
        clients.use(await Deno.connect({ hostname: "127.0.0.1", port }));
      }
      // The child's shell became Deno.
      while ([...Deno.readDirSync(`/proc/${child.pid}/fd`)].length < DESCRIPTORS) await delay(5);
    }
    assertEquals([await askOnce(http), await pushes(2)], ["HTTP/1.1 200 OK", 0]);
  } finally {
    await input.close();
    await output.cancel();
    await child.status;
  }
});
