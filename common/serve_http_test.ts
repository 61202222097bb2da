// SPDX-License-Identifier: Apache-2.0
import { assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { delay } from "@std/async/delay";
import { testWith } from "../tests/support/needs.ts";
import { TempFolder } from "../tests/support/programs.ts";
import { selfSigned } from "../tests/support/tls.ts";
import { type RequestInfo, serveHttp } from "./serve_http.ts";

const listen = { hostname: "127.0.0.1", port: 0 };

function serveText(text: string, options: { signal?: AbortSignal; graceMs?: number } = {}) {
  return serveHttp({ listen, handler: () => Promise.resolve(new Response(text)), ...options });
}

Deno.test("serveHttp() answers on the port that it took, and ends with its signal", async () => {
  const end = new AbortController();
  const server = serveText("ok\n", { signal: end.signal });
  const url = `http://127.0.0.1:${server.address.port}/healthz`;
  assertEquals(await (await fetch(url)).text(), "ok\n");
  end.abort();
  await server.finished;
  await assertRejects(() => fetch(url), TypeError);
  await server[Symbol.asyncDispose]();
});

Deno.test("serveHttp() says that a port is in use", async () => {
  await using server = serveText("");
  const { port } = server.address;
  assertThrows(
    () => serveHttp({ listen: server.address, handler: () => Promise.resolve(new Response()) }),
    Error,
    `Cannot listen on 127.0.0.1:${port}: the port is in use`,
  );
});

Deno.test("serveHttp() says what is wrong with another address", () => {
  const handler = () => Promise.resolve(new Response());
  const here = { hostname: "2001:db8::1", port: 1 };
  assertThrows(() => serveHttp({ listen: here, handler }), Error, "Cannot listen on [2001:db8::1]:1: ");
});

Deno.test("serveHttp() finishes an answer that is under way when it ends, and takes no more", async () => {
  const asked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<Response>();
  const server = serveHttp({
    listen,
    handler() {
      asked.resolve();
      return answer.promise;
    },
    graceMs: 3_600_000,
  });
  const url = `http://127.0.0.1:${server.address.port}/`;
  const late = fetch(url);
  await asked.promise;
  const ended = server[Symbol.asyncDispose]();
  await assertRejects(() => fetch(url), TypeError);
  answer.resolve(new Response("late"));
  assertEquals(await (await late).text(), "late");
  await ended;
});

Deno.test("serveHttp() does not wait long for clients that send half a request, read nothing, or do not say anything", async () => {
  // More than the sockets between them hold.
  const server = serveText("x".repeat(64 << 20), { graceMs: 10 });
  using clients = new DisposableStack();
  for (const words of ["GET / HTTP/1.1\r\nho", "GET / HTTP/1.1\r\nhost: a\r\n\r\n", ""]) {
    const client = clients.use(await Deno.connect(server.address));
    await client.write(new TextEncoder().encode(words));
  }
  // The server knows of all three when it has answered a fourth.
  const response = await fetch(`http://127.0.0.1:${server.address.port}/`);
  await response.body?.cancel();
  await server[Symbol.asyncDispose]();
  clients.dispose();
  await server.finished;
});

/** Returns what the server sends until it closes, to a client that sends `words` and no more. */
async function answerTo(address: Deno.ConnectOptions, words: string): Promise<string> {
  using client = await Deno.connect(address);
  await client.write(new TextEncoder().encode(words));
  return await new Response(client.readable).text().catch(() => "");
}

Deno.test("serveHttp() refuses what is no request for a path of its own", async () => {
  await using server = serveText("secret");
  const end = "connection: close\r\n\r\n";
  for (
    const head of [
      "GET / HTTP/1.1\r\nhost: a b\r\n",
      "GET / HTTP/1.1\r\nhost: a/../b\r\n",
      "GET / HTTP/1.1\r\nhost: [::1\r\n",
      "GET / HTTP/1.1\r\nhost: \r\n",
      "GET / HTTP/1.1\r\nhost: a:99999\r\n",
      "GET http://other/ HTTP/1.1\r\nhost: a\r\n",
      "OPTIONS * HTTP/1.1\r\nhost: a\r\n",
      "GET / HTTP/1.1\r\n",
      "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n",
      "GET / SMTP/1.1\r\nhost: a\r\n",
      `GET / HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(20_000)}\r\n`,
    ]
  ) {
    const answer = await answerTo(server.address, head + end);
    assertMatch(answer, head.length > 20_000 ? /^HTTP\/1\.1 431 / : /^HTTP\/1\.1 400 /, head);
    assertEquals(/secret|\.ts|\bat /.test(answer), false, answer);
  }
  assertMatch(await answerTo(server.address, `GET / HTTP/1.1\r\nhost: a:80\r\n${end}`), /\r\nsecret\r\n/);
});

Deno.test("serveHttp() ends who is too slow: half a head, half a body, an answer that nobody takes", async () => {
  const limits = { headMs: 100, requestMs: 200, unreadMs: 100 };
  const handler = async (request: Request) => {
    await request.arrayBuffer().catch(() => {});
    return new Response(new Uint8Array(64 << 20));
  };
  await using server = serveHttp({ listen, handler, limits });
  // What was opened ahead gets no answer, which would be taken for that of the request that comes next.
  assertEquals(await answerTo(server.address, ""), "");
  assertMatch(await answerTo(server.address, "GET / HTTP/1.1\r\nho"), /^HTTP\/1\.1 408 /);
  await answerTo(server.address, "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf");
  using deaf = await Deno.connect(server.address);
  await deaf.write(new TextEncoder().encode("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
  while (server.listener.connections > 0) await delay(5);
  assertEquals(server.listener.closed.unread, 1);
});

Deno.test("serveHttp() ends who takes an answer a byte at a time", async () => {
  const body = new Uint8Array(64 << 20);
  const handler = () =>
    Promise.resolve(new Response(body, { headers: { "content-length": `${body.length}` } }));
  await using server = serveHttp({ listen, handler, limits: { unreadMs: 500, bytesPerSecond: 1 << 30 } });
  using slow = await Deno.connect(server.address);
  await slow.write(new TextEncoder().encode("GET / HTTP/1.1\r\nhost: a\r\n\r\n"));
  for (const page = new Uint8Array(65_536); server.listener.connections > 0; await delay(5)) {
    await slow.read(page);
  }
  assertEquals(server.listener.closed.unread, 0);
});

Deno.test("serveHttp() tells its handler when the answer was sent, or its client has gone", async () => {
  const infos: RequestInfo[] = [];
  const handler = (_: Request, info: RequestInfo) => {
    infos.push(info);
    return Promise.resolve(new Response("x".repeat(64 << 20)));
  };
  await using server = serveHttp({ listen, handler });
  const url = `http://127.0.0.1:${server.address.port}/`;
  await (await fetch(url)).arrayBuffer();
  await infos[0]!.answered;
  const left = await fetch(url);
  await left.body!.cancel();
  await infos[1]!.answered;
  assertEquals(infos[1]!.remoteAddress, "127.0.0.1");
});

testWith(
  ["openssl"],
  "serveHttp() speaks TLS, and shows a renewed certificate to who comes then",
  async () => {
    using folder = new TempFolder();
    const [one, two] = ["one", "two"].map((name) => selfSigned(folder.path, "127.0.0.1", name)) as [Pem, Pem];
    const handler = (request: Request) => Promise.resolve(new Response(request.url));
    await using server = serveHttp({ listen, handler, tls: one });
    const url = `https://127.0.0.1:${server.address.port}/path`;
    const ask = async ({ ca }: Pem) => {
      using client = Deno.createHttpClient({ caCerts: [ca] });
      return await (await fetch(url, { client })).text();
    };
    assertEquals(await ask(one), url);
    await assertRejects(() => ask(two), TypeError);
    server.renew(two);
    assertEquals(await ask(two), url);
    await assertRejects(() => ask(one), TypeError);
  },
);

type Pem = ReturnType<typeof selfSigned>;
