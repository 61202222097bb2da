// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { delay } from "@std/async/delay";
import {
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerOptions,
  type ServerUnaryCall,
  status,
} from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { totalOf } from "../../profile/model.ts";
import { readBatch } from "../../profile/wire/read_batch.ts";
import { AggregatorService, PushRequest, PushResponse } from "../../proto/gen/aperture/v1/aperture.ts";
import { runProgram } from "../../tests/support/child.ts";
import { testWith } from "../../tests/support/needs.ts";
import { demoProfile } from "../../tests/support/profiles.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { selfSigned } from "../../tests/support/tls.ts";
import { PushClient, PushError } from "./client.ts";
import { Pusher } from "./pusher.ts";

const identity = { agentId: "n1", epoch: 1_700_000_000_000_000_000n, node: "n1", agentVersion: "0.1.0" };
const window = {
  startNs: 1_700_000_001_000_000_000n,
  endNs: 1_700_000_011_000_000_000n,
  losses: new Map<string, number>(),
};
const NO_SIGNAL = new AbortController().signal;

type PushCall = ServerUnaryCall<PushRequest, PushResponse>;
type Answer = Partial<PushResponse> | { code: status; details: string } | "hang";

/** Serves as a real server that answers Push as `answer` says; port 0 takes a free one. */
async function serve(
  answer: (call: PushCall) => Answer,
  { hostname = "127.0.0.1", port = 0, credentials = ServerCredentials.createInsecure(), ...options }: {
    hostname?: string;
    port?: number;
    credentials?: ServerCredentials;
  } & ServerOptions = {},
) {
  const server = new Server(options);
  const unused = () => {
    throw new Error("Not called by an agent");
  };
  server.addService(AggregatorService, {
    push(call: PushCall, callback: sendUnaryData<PushResponse>) {
      const answered = answer(call);
      if (answered === "hang") return;
      if ("code" in answered) callback(answered);
      else callback(null, PushResponse.fromPartial(answered));
    },
    query: unused,
    queryStorage: unused,
    aggregate: unused,
    diff: unused,
  });
  const bound = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`${hostname}:${port}`, credentials, (error, p) => error ? reject(error) : resolve(p));
  });
  return {
    port: bound,
    url: new URL(`http://127.0.0.1:${bound}`),
    [Symbol.dispose]: () => server.forceShutdown(),
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(5);
}

function request(agentId: string): Uint8Array {
  return PushRequest.encode(PushRequest.fromPartial({ batch: { agentId } })).finish();
}

Deno.test("PushClient sends the token and the bytes, packed, and gives the answer", async () => {
  const seen: unknown[] = [];
  using server = await serve(({ request, metadata }) => {
    seen.push(request.batch?.agentId, metadata.get("authorization"), metadata.get("grpc-encoding"));
    return { backpressure: true };
  });
  using client = new PushClient({ url: server.url, token: "secret" });
  assertEquals(await client.push(request("n1"), { signal: NO_SIGNAL }), {
    backpressure: true,
    duplicate: false,
    capture: undefined,
  });
  assertEquals(seen.slice(0, 2), ["n1", ["Bearer secret"]]);
});

Deno.test("PushClient tells failures apart by gRPC's status", async () => {
  using server = await serve(() => ({ code: status.RESOURCE_EXHAUSTED, details: "The buffer is full" }));
  using client = new PushClient({ url: server.url });
  const full = await assertRejects(() => client.push(request("n1"), { signal: NO_SIGNAL }), PushError);
  assertEquals([full.code, full.message], [status.RESOURCE_EXHAUSTED, "The buffer is full"]);

  let arrived = 0;
  let onArrival = () => {};
  using hanging = await serve(() => {
    arrived++;
    onArrival();
    return "hang";
  });
  using hasty = new PushClient({ url: hanging.url, deadlineMs: 50 });
  // On a busy machine the time is up before it is connected: gRPC's library forgets a timer of a client that ends then.
  while (arrived === 0) {
    const late = await assertRejects(() => hasty.push(request("n1"), { signal: NO_SIGNAL }), PushError);
    assertEquals(late.code, status.DEADLINE_EXCEEDED);
  }

  using patient = new PushClient({ url: hanging.url });
  const cutting = new AbortController();
  onArrival = () => cutting.abort();
  for (const signal of [cutting.signal, AbortSignal.abort()]) {
    const cut = await assertRejects(() => patient.push(request("n1"), { signal }), PushError);
    assertEquals(cut.code, status.CANCELLED);
  }
});

Deno.test("Pusher halves what a server's own limit refuses", async () => {
  const counts: number[] = [];
  using server = await serve(({ request }) => {
    counts.push(totalOf(readBatch(PushRequest.encode(request).finish())).count);
    return {};
  }, { "grpc.max_receive_message_length": 300 });
  for (const gzip of [false, true]) {
    using client = new PushClient({ url: server.url, gzip });
    const pusher = new Pusher({ identity, transport: client });
    counts.length = 0;
    pusher.push(demoProfile(), window);
    assertEquals(await pusher.stop({ deadlineMs: 5000 }), { batches: 0, kept: false });
    assertEquals(pusher.stats().dropped.too_large, 0);
    assert(counts.length > 1);
    assertEquals(counts.reduce((sum, count) => sum + count), totalOf(demoProfile()).count);
  }
});

testWith(
  ["root", "unshare"],
  "PushClients spread over a name's addresses, and each keeps to its own",
  async () => {
    const hosts = await Deno.makeTempFile();
    await Deno.writeTextFile(hosts, "127.0.0.2 replicas\n127.0.0.3 replicas\n");
    const script = new URL("../../tests/support/push_to_replicas.ts", import.meta.url).pathname;
    const { code, stdout, stderr } = await runProgram("unshare", [
      "--mount",
      "sh",
      "-euc",
      'mount --bind "$1" /etc/hosts; shift; exec "$@"',
      "sh",
      hosts,
      Deno.execPath(),
      "run",
      "--quiet",
      "--frozen",
      "--no-check",
      "--allow-all",
      script,
      "replicas",
      "127.0.0.2",
      "127.0.0.3",
    ]);
    await Deno.remove(hosts);
    assertEquals(code, 0, stderr);
    const taken = Object.values(JSON.parse(stdout) as Record<string, string[]>);
    assertEquals(taken.length, 24);
    assert(taken.every((addresses) => addresses.length === 1), stdout);
    // By chance all go to one in fewer than one of eight million runs.
    assertEquals([...new Set(taken.flat())].sort(), ["127.0.0.2", "127.0.0.3"]);
  },
);

// In what follows connections fail: grpc-js leaves a timer behind each, as it would connect again.

Deno.test("Pusher loses nothing to a server that is not there yet, hangs, dies and comes back", {
  sanitizeOps: false,
  sanitizeResources: false,
}, async () => {
  // A set, as a batch whose acknowledgement dies with the server comes again.
  const taken = new Set<bigint>();
  const take = ({ request }: PushCall) => {
    taken.add(request.batch!.sequence);
    return {};
  };
  // An address that no one else uses: the port is left and taken again, and nobody must take it in between.
  const hostname = "127.83.7.19";
  const port = freePort(hostname);
  using client = new PushClient({ url: new URL(`http://${hostname}:${port}`), deadlineMs: 300 });
  const pusher = new Pusher({ identity, transport: client, minPauseMs: 10, maxPauseMs: 50 });
  for (let i = 0; i < 3; i++) pusher.push(demoProfile(), window);
  await until(() => pusher.stats().failures >= 2);
  {
    using _hanging = await serve(() => "hang", { hostname, port });
    const before = pusher.stats().failures;
    await until(() => pusher.stats().failures >= before + 2);
  }
  {
    using _first = await serve(take, { hostname, port });
    await until(() => taken.size === 3);
    // Dead again, in the midst of its work.
  }
  for (let i = 0; i < 3; i++) pusher.push(demoProfile(), window);
  const before = pusher.stats().failures;
  await until(() => pusher.stats().failures > before);
  using _second = await serve(take, { hostname, port });
  await until(() => taken.size === 6);
  assertEquals(await pusher.stop({ deadlineMs: 5000 }), { batches: 0, kept: false });
  assertEquals([...taken], [1n, 2n, 3n, 4n, 5n, 6n]);
  assertEquals(pusher.stats().pushed, 6);
});

testWith(["openssl"], "PushClient speaks TLS with an authority of one's own, and only with it", async () => {
  using folder = new TempFolder();
  const { cert, key, ca } = selfSigned(folder.path, "127.0.0.1");
  using server = await serve(() => ({}), { credentials: credentialsOf({ cert, key, ca }) });
  const url = new URL(`https://localhost:${server.port}`);
  using client = new PushClient({ url, ca });
  assertEquals((await client.push(request("n1"), { signal: NO_SIGNAL })).backpressure, false);
  // Of a name that has several addresses what the last of them said is told.
  using wary = new PushClient({ url: new URL(server.url.href.replace("http:", "https:")) });
  const error = await assertRejects(() => wary.push(request("n1"), { signal: NO_SIGNAL }), PushError);
  assertEquals(error.code, status.UNAVAILABLE);
  assertMatch(error.message, /certificate/i);
}, { sanitizeOps: false, sanitizeResources: false });

for (const ip of ["127.0.0.1", "::1"]) {
  testWith(
    ["openssl"],
    `PushClient trusts an aggregator at ${ip} whose certificate is for that address`,
    async () => {
      using folder = new TempFolder();
      const right = selfSigned(folder.path, ip, "right");
      const other = selfSigned(folder.path, "127.0.0.2", "other");
      const host = ip.includes(":") ? `[${ip}]` : ip;
      for (const certificate of [right, other]) {
        using server = await serve(() => ({}), { credentials: credentialsOf(certificate), hostname: host });
        using client = new PushClient({ url: new URL(`https://${host}:${server.port}`), ca: certificate.ca });
        const pushed = client.push(request("n1"), { signal: NO_SIGNAL });
        if (certificate === right) assertEquals((await pushed).backpressure, false);
        else assertMatch((await assertRejects(() => pushed, PushError)).message, /certificate/i);
      }
    },
    { sanitizeOps: false, sanitizeResources: false },
  );
}

function credentialsOf({ cert, key, ca }: ReturnType<typeof selfSigned>): ServerCredentials {
  const [chain, secret] = [Buffer.from(cert), Buffer.from(key)];
  // With null it would be the machine's authorities, of which there may be more than fit into a handshake.
  return ServerCredentials.createSsl(Buffer.from(ca), [{ private_key: secret, cert_chain: chain }]);
}

function freePort(hostname: string): number {
  using listener = Deno.listen({ hostname, port: 0 });
  return listener.addr.port;
}
