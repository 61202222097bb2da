// SPDX-License-Identifier: Apache-2.0
/**
 * Agent to aggregator by TLS, with the variables of deploy/overlays/tls.
 */

import { assertEquals, assertGreater, assertMatch, assertStringIncludes } from "@std/assert";
import { build } from "../tasks/build.ts";
import { Program } from "../tasks/programs.ts";
import { startAggregator } from "./support/aggregator.ts";
import { testWith } from "./support/needs.ts";
import { selfSigned } from "./support/tls.ts";

testWith(
  ["bpf", "chdb", "openssl"],
  "the agent pushes by TLS, to an aggregator that it can trust",
  async (t) => {
    await build();
    const folder = await Deno.makeTempDir();
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => Deno.remove(folder, { recursive: true }));
    const { ca } = selfSigned(folder, "127.0.0.1");
    const aggregator = await startAggregator(cleanup, {
      args: ["--log-level=error"],
      ca,
      env: { APERTURE_TLS_CERT: `${folder}/server.crt`, APERTURE_TLS_KEY: `${folder}/server.key` },
    });
    const { port } = new URL(aggregator.grpc);
    const args = ["--push-interval=1s", "--duration=2s"];
    const pushed = async () => {
      return (await aggregator.json("/api/health") as { push_total_ok: number }).push_total_ok;
    };

    const run = (env: Record<string, string>) =>
      new Program("agent", args, { env, stderr: "piped" }).child.output();
    // Both try until they end: they do so beside each other.
    const [untrusting, misled] = await Promise.all([
      // Of a name that has several addresses what the last of them said is told.
      run({ APERTURE_AGGREGATOR: `https://127.0.0.1:${port}` }),
      run({
        APERTURE_AGGREGATOR: `https://localhost:${port}`,
        APERTURE_CA_FILE: new URL(import.meta.url).pathname,
      }),
    ]);

    await t.step("without the authority, nothing is delivered, and it says so", async () => {
      assertEquals(untrusting.code, 1);
      assertMatch(new TextDecoder().decode(untrusting.stderr), /certificate/i);
      assertEquals(await pushed(), 0);
    });

    await t.step("a file that is no certificate is told of by its name", () => {
      assertEquals(misled.code, 1);
      const text = new TextDecoder().decode(misled.stderr);
      assertStringIncludes(
        text,
        "Cannot use the authorities' certificates, as there is no PEM block in the file: ",
      );
      assertStringIncludes(text, "tls_test.ts");
    });

    await t.step("with the authority, all is", async () => {
      const env = {
        APERTURE_AGGREGATOR: `https://localhost:${port}`,
        APERTURE_CA_FILE: `${folder}/server-ca.crt`,
      };
      const agent = new Program("agent", args, { env, stderr: "null" });
      assertEquals((await agent.child.status).code, 0);
      assertGreater(await pushed(), 0);
    });
  },
);

for (const name of ["CERT", "KEY"]) {
  Deno.test(`the aggregator refuses APERTURE_TLS_${name} alone`, async () => {
    const aggregator = new Program("aggregator", [], {
      env: { [`APERTURE_TLS_${name}`]: "/nowhere" },
      stderr: "piped",
    });
    const { code, stderr } = await aggregator.child.output();
    assertEquals(code, 2);
    assertMatch(
      new TextDecoder().decode(stderr),
      /^aggregator: Missing a value: '--tls-(cert|key) FILE', as '--tls-/,
    );
  });
}
