// SPDX-License-Identifier: Apache-2.0
/**
 * Tests who gets in: an aggregator with tokens of several scopes in a file, TLS on both ports and certificates of
 * clients, seen by gRPC's C core and by curl, while the files change.
 */

import { assertEquals, assertMatch } from "@std/assert";
import { delay } from "@std/async/delay";
import { writeBatch } from "../profile/wire/write_batch.ts";
import { startAggregator } from "./support/aggregator.ts";
import { makeBatch } from "./support/batches.ts";
import { runProgram } from "./support/child.ts";
import { testWith } from "./support/needs.ts";
import { TempFolder } from "./support/programs.ts";
import { selfSigned } from "./support/tls.ts";

const PYTHON = new URL("support/grpc_secure.py", import.meta.url).pathname;

testWith(
  ["chdb", "openssl", "curl", "python3-grpcio"],
  "an aggregator lets in who has a certificate and a token of the scope, as its files are now",
  async (t) => {
    using folder = new TempFolder();
    const at = (name: string) => `${folder.path}/${name}`;
    selfSigned(folder.path, "127.0.0.1", "server");
    selfSigned(folder.path, "127.0.0.1", "client");
    const other = selfSigned(folder.path, "127.0.0.1", "other");
    const tokens = (text: string) => Deno.writeTextFile(at("tokens"), text);
    await tokens("# name scopes token\nagents ingest ingest-token\ngrafana read reading-token\n");
    await using cleanup = new AsyncDisposableStack();
    const aggregator = await startAggregator(cleanup, {
      args: ["--log-level=error"],
      env: {
        APERTURE_AUTH_TOKEN_FILE: at("tokens"),
        APERTURE_TLS_CERT: at("server.crt"),
        APERTURE_TLS_KEY: at("server.key"),
        APERTURE_TLS_CLIENT_CA: at("client-ca.crt"),
      },
      ca: await Deno.readTextFile(at("server-ca.crt")),
    });
    const target = new URL(aggregator.grpc).host;
    let sequence = 0;
    const push = async (token: string, { pair = "client", ca = "server-ca.crt" } = {}) => {
      const now = BigInt(Date.now()) * 1_000_000n;
      const batch = makeBatch({ sequence: ++sequence });
      const window = { startNs: now - 10_000_000_000n, endNs: now };
      Deno.writeFileSync(at("batch"), writeBatch({ ...batch, ...window }));
      const files = pair === "" ? [] : [at(`${pair}.crt`), at(`${pair}.key`)];
      const args = [PYTHON, target, at(ca), token, at("batch"), ...files];
      const { code, stdout, stderr } = await runProgram("/usr/bin/python3", args);
      assertEquals(code, 0, stderr);
      return stdout.trim();
    };
    const curl = async (...args: string[]) => {
      const all = ["-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", at("server-ca.crt"), ...args];
      const { stdout, stderr } = await runProgram("curl", all);
      return stdout + stderr;
    };
    const top = `${aggregator.http}/api/batches`;

    await t.step("scopes: agents push and do not read, readers read and do not push", async () => {
      assertEquals(await push("ingest-token"), "OK");
      assertEquals(await push("reading-token"), "PERMISSION_DENIED");
      assertEquals(await push("guessed-token"), "UNAUTHENTICATED");
      assertEquals(await curl(top), "401");
      assertEquals(await curl("-H", "authorization: Bearer ingest-token", top), "403");
      assertEquals(await curl("-H", "authorization: Bearer reading-token", top), "200");
    });

    await t.step("Basic with any user and the token as password is a token", async () => {
      assertEquals(await curl("--user", "grafana:reading-token", top), "200");
      assertEquals(await curl("--user", "reading-token:wrong", top), "401");
    });

    await t.step("without a certificate of the authority nobody pushes", async () => {
      assertEquals(await push("ingest-token", { pair: "" }), "UNAVAILABLE");
      assertEquals(await push("ingest-token", { pair: "other" }), "UNAVAILABLE");
    });

    await t.step("a changed file of tokens counts, and one that cannot be used does not", async () => {
      await tokens("agents ingest second-token\n");
      while (await push("second-token") !== "OK") await delay(200);
      assertEquals(await push("ingest-token"), "UNAUTHENTICATED");
      assertEquals(await curl("-H", "authorization: Bearer reading-token", top), "401");
      await tokens("nonsense\n");
      await delay(2500);
      assertEquals(await push("second-token"), "OK");
    });

    await t.step("a renewed certificate is shown on both ports, without a restart", async () => {
      await Deno.writeTextFile(at("server.key"), other.key);
      await Deno.writeTextFile(at("server.crt"), other.cert);
      while (await push("second-token", { ca: "other-ca.crt" }) !== "OK") await delay(200);
      assertEquals(await push("second-token"), "UNAVAILABLE");
      assertMatch(await curl(top), /certificate/);
      const renewed = ["-sS", "--cacert", at("other-ca.crt"), `${aggregator.http}/healthz`];
      assertEquals((await runProgram("curl", renewed)).stdout, "ok\n");
    });
  },
);
