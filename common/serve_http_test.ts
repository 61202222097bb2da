import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { serveHttp } from "./serve_http.ts";

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
