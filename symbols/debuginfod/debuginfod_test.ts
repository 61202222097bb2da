// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import { RealDebuginfod, strippedSpin } from "../../tests/support/debug_files.ts";
import { collectLogs } from "../../tests/support/log.ts";
import { testWith } from "../../tests/support/needs.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { type Answer, endless, ScriptedServer } from "../../tests/support/scripted_server.ts";
import { tinyElf } from "../../tests/support/tiny_elf.ts";
import { Debuginfod, type DebuginfodOptions } from "./debuginfod.ts";

const ID = "0123456789abcdef";
const SIZE = tinyElf(ID).length;
const RETRY = { firstMs: 2, maxMs: 20 };

function idOf({ url }: Request): string {
  return new URL(url).pathname.split("/")[2]!;
}

const has: Answer = (request) => new Response(tinyElf(idOf(request)));
const hasNot: Answer = () => new Response("no", { status: 404 });

/** Servers that answer so, a client of theirs, and its cache. */
async function setUp(answers: readonly Answer[], options: Partial<DebuginfodOptions> = {}) {
  await using parts = new AsyncDisposableStack();
  const folder = new TempFolder();
  parts.defer(() => folder[Symbol.dispose]());
  const servers = answers.map((answer) => parts.use(new ScriptedServer(answer)));
  const urls = servers.map(({ url }) => url);
  const debuginfod = parts.use(
    await Debuginfod.open({ urls, folder: folder.path, retry: RETRY, ...options }),
  );
  const all = parts.move();
  return { servers, debuginfod, folder, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await delay(2);
}

function cached(folder: TempFolder): string[] {
  return [...Deno.readDirSync(folder.path)].map(({ name }) => name).sort();
}

Deno.test("Debuginfod gets a file once, and tells of it once", async () => {
  await using test = await setUp([has]);
  const { debuginfod, servers } = test;
  debuginfod.want(ID);
  debuginfod.want(ID);
  assertEquals([debuginfod.stats.asked, debuginfod.stats.pending], [1, 1]);
  await until(() => debuginfod.stats.found === 1);
  assertEquals(Deno.readFileSync(debuginfod.pathOf(ID)!), tinyElf(ID));
  assertEquals([debuginfod.takeFound(), debuginfod.takeFound()], [[ID], []]);
  await until(() => debuginfod.stats.pending === 0);
  debuginfod.want(ID);
  assertEquals(servers[0]!.paths, [`/buildid/${ID}/debuginfo`]);
  assertEquals(debuginfod.stats, {
    ...{ asked: 1, found: 1, notFound: 0, tooLarge: 0, rejected: 0, failed: 0, dropped: 0 },
    ...{ requests: 1, bytes: SIZE, pending: 0, cacheBytes: SIZE, evicted: 0 },
  });
});

Deno.test("Debuginfod asks for nothing that is no build id", async () => {
  await using test = await setUp([has]);
  for (const id of ["", "0", "abc", "../../x", "ABCDEF01", "00/..", "a".repeat(130)]) {
    test.debuginfod.want(id);
    assertEquals(test.debuginfod.pathOf(id), undefined);
  }
  assertEquals(test.debuginfod.stats.asked, 0);
});

Deno.test("Debuginfod asks the next server for what one does not have, and remembers what none has", async () => {
  await using test = await setUp([hasNot, (r) => idOf(r) === ID ? has(r) : hasNot(r)]);
  const { debuginfod, servers, folder } = test;
  debuginfod.want(ID);
  debuginfod.want("ffff");
  await until(() => debuginfod.stats.found + debuginfod.stats.notFound === 2);
  assertEquals(servers.map(({ paths }) => paths.length), [2, 2]);
  assertEquals(Deno.statSync(`${folder.path}/ffff/debuginfo`).size, 0);
  await until(() => debuginfod.stats.pending === 0);
  debuginfod.want("ffff");
  await using other = await Debuginfod.open({ urls: [servers[0]!.url], folder: folder.path });
  other.want("ffff");
  await until(() => other.stats.notFound === 1);
  assertEquals(servers.map(({ paths }) => paths.length), [2, 2]);
});

Deno.test("Debuginfod asks again for what no server had when that is forgotten", async () => {
  await using test = await setUp([hasNot]);
  const { debuginfod, servers, folder } = test;
  folder.write("cache_miss_s", "0");
  for (let asked = 1; asked <= 3; asked++) {
    debuginfod.want(ID);
    await until(() => debuginfod.stats.pending === 0);
    assertEquals([servers[0]!.paths.length, debuginfod.stats.notFound], [asked, asked]);
  }
});

Deno.test("Debuginfod asks again after an error, with one warning, and never after 404", async () => {
  await using logs = await collectLogs();
  let errors = 5;
  await using test = await setUp([(r) => errors-- > 0 ? new Response("", { status: 500 }) : has(r)]);
  test.debuginfod.want(ID);
  await until(() => test.debuginfod.stats.found === 1);
  const { failed, requests } = test.debuginfod.stats;
  assertEquals([failed, requests], [5, 6]);
  const warnings = logs.lines.filter((line) => line.startsWith("warn"));
  assertEquals(warnings.length, 1);
  assertStringIncludes(warnings[0]!, `from ${test.servers[0]!.url.href.slice(0, -1)}: HTTP status 500`);
});

const PAUSE_MS = 2000;

Deno.test("Debuginfod goes on with other servers while one does not answer, and returns to that", async () => {
  await using logs = await collectLogs();
  let away = true;
  await using test = await setUp([
    (r) => away ? new Response("", { status: 503 }) : idOf(r) === "ffff" ? has(r) : hasNot(r),
    (r) => idOf(r) === "ffff" ? hasNot(r) : has(r),
    // Longer than the other takes to answer.
  ], { retry: { firstMs: PAUSE_MS, maxMs: PAUSE_MS } });
  const { debuginfod, servers } = test;
  const begun = performance.now();
  debuginfod.want("ffff");
  await until(() => debuginfod.stats.failed === 1);
  for (let i = 0; i < 20; i++) debuginfod.want(`abcd${i + 10}`);
  await until(() => debuginfod.stats.found === 20);
  const asked = servers[0]!.paths.length;
  // On a busy machine the other may take longer than a pause, which is half as long at least.
  const pauses = (performance.now() - begun) / (PAUSE_MS / 2);
  assert(asked <= 3 + pauses, `${asked} requests to a server that was away, in ${pauses} pauses`);
  await until(() => debuginfod.stats.pending === 1);
  away = false;
  await until(() => debuginfod.stats.found === 21);
  assertEquals(logs.lines.filter((line) => line.startsWith("warn")).length, 1);
  assertEquals(logs.lines.filter((line) => line.includes("answers again")).length, 1);
});

Deno.test("Debuginfod leaves nothing behind of what is no file, too large or endless, and does not ask soon", async () => {
  const answers: Record<string, () => Response> = {
    "aaaa": () => new Response("<html>"),
    "bbbb": () => new Response(tinyElf("cccc")),
    "cccc": () => new Response(endless(new Uint8Array(5000), 1)),
    "dddd": () => new Response(new Uint8Array(50_001)),
  };
  await using test = await setUp([(r) => answers[idOf(r)]!()], { maxBytes: 50_000 });
  const { debuginfod, folder } = test;
  for (const id of Object.keys(answers)) debuginfod.want(id);
  await until(() => debuginfod.stats.rejected + debuginfod.stats.tooLarge === 4);
  await until(() => debuginfod.stats.pending === 0);
  for (const id of Object.keys(answers)) debuginfod.want(id);
  const { asked, requests, rejected, tooLarge, found } = debuginfod.stats;
  assertEquals([asked, requests, rejected, tooLarge, found], [4, 4, 2, 2, 0]);
  assertEquals(cached(folder), ["cache_clean_interval_s"]);
});

Deno.test("Debuginfod has two requests open at most, and ends them when it is disposed of", async () => {
  const never = new Promise<Response>(() => {});
  await using test = await setUp([() => never]);
  const { debuginfod, servers, folder } = test;
  for (let i = 0; i < 10; i++) debuginfod.want(`abcd${i + 10}`);
  await until(() => servers[0]!.most === 2);
  await debuginfod[Symbol.asyncDispose]();
  assertEquals([servers[0]!.paths.length, debuginfod.stats.failed], [2, 0]);
  debuginfod.want(ID);
  assertEquals(debuginfod.stats.pending, 0);
  assertEquals(cached(folder), ["cache_clean_interval_s"]);
});

Deno.test("Debuginfod lets the build ids go that wait longest", async () => {
  await using test = await setUp([() => new Promise<Response>(() => {})]);
  const { debuginfod } = test;
  for (let i = 0; i < 2000; i++) debuginfod.want(i.toString(16).padStart(8, "0"));
  const { asked, pending, dropped } = debuginfod.stats;
  assertEquals([asked, dropped + pending], [2000, 2000]);
  assert(pending <= 1026, `${pending} wait`);
});

Deno.test("Debuginfod keeps to its bytes, and does not fetch soon what it let go", async () => {
  await using test = await setUp([has], { cacheBytes: 2 * SIZE });
  const { debuginfod, servers } = test;
  for (const id of ["aaaa", "bbbb", "cccc"]) {
    debuginfod.want(id);
    await until(() => debuginfod.stats.pending === 0);
  }
  for (const id of ["aaaa", "bbbb", "cccc"]) debuginfod.want(id);
  const { cacheBytes, evicted, pending } = debuginfod.stats;
  assertEquals([cacheBytes, evicted, pending, servers[0]!.paths.length], [2 * SIZE, 1, 0, 3]);
});

Deno.test("Debuginfod goes on when its folder is gone, or cannot be written to any more", async () => {
  await using logs = await collectLogs();
  await using test = await setUp([has]);
  const { debuginfod, folder } = test;
  Deno.removeSync(folder.path, { recursive: true });
  Deno.writeTextFileSync(folder.path, "a file");
  debuginfod.want(ID);
  debuginfod.want("abcd");
  await until(() => debuginfod.stats.failed === 2);
  await until(() => debuginfod.stats.pending === 0);
  assertEquals(logs.lines.filter((line) => line.startsWith("warn")).length, 1);
});

testWith(
  ["gcc", "debuginfod", "debuginfod-find"],
  "Debuginfod and debuginfod-find share a cache",
  async () => {
    using folder = new TempFolder();
    const [ours, theirs] = ["ours", "theirs"].map((name) => strippedSpin(folder, name));
    await using server = await RealDebuginfod.start([folder.path], [ours!.buildId, theirs!.buildId]);
    const cache = `${folder.path}/cache`;
    await using debuginfod = await Debuginfod.open({ urls: [server.url], folder: cache });
    const find = (buildId: string) => {
      const env = { DEBUGINFOD_URLS: server.url.href, DEBUGINFOD_CACHE_PATH: cache };
      const { success, stdout } = new Deno.Command("debuginfod-find", { args: ["debuginfo", buildId], env })
        .outputSync();
      return success ? new TextDecoder().decode(stdout).trim() : undefined;
    };
    const [notByUs, notByThem] = ["0badcafe01", "0badcafe02"];
    debuginfod.want(ours!.buildId);
    debuginfod.want(notByUs);
    await until(() => debuginfod.stats.found + debuginfod.stats.notFound === 2);
    const before = [await server.answers(200), await server.answers(404)];
    assertEquals(find(ours!.buildId), debuginfod.pathOf(ours!.buildId));
    assertEquals(Deno.readFileSync(debuginfod.pathOf(ours!.buildId)!), Deno.readFileSync(ours!.debug));
    assertEquals(find(notByUs), undefined);
    assertEquals([await server.answers(200), await server.answers(404)], before);

    assertEquals(find(theirs!.buildId), debuginfod.pathOf(theirs!.buildId));
    assertEquals(find(notByThem), undefined);
    debuginfod.want(theirs!.buildId);
    debuginfod.want(notByThem);
    await until(() => debuginfod.stats.found + debuginfod.stats.notFound === 4);
    const [found, notFound] = before as [number, number];
    assertEquals([await server.answers(200), await server.answers(404)], [found + 1, notFound + 1]);
    // Dates as that client sets them, which also cleans by them.
    const mtime = (path: string) => Deno.statSync(path).mtime!.getTime();
    for (const { debug, buildId } of [ours!, theirs!]) {
      const second = Math.floor(mtime(debug) / 1000) * 1000;
      assertEquals(mtime(debuginfod.pathOf(buildId)!), second);
    }
  },
);
