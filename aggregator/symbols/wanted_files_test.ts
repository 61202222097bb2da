// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import { ProfileBuilder } from "../../profile/builder.ts";
import { Debuginfod } from "../../symbols/debuginfod/debuginfod.ts";
import { makeBatch } from "../../tests/support/batches.ts";
import { RealDebuginfod, strippedSpin } from "../../tests/support/debug_files.ts";
import { collectLogs } from "../../tests/support/log.ts";
import { testWith } from "../../tests/support/needs.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { startStorage } from "../../tests/support/storage.ts";
import { createQueries } from "../query/queries.ts";
import { DebugTables } from "../storage/debug_tables.ts";
import { Writer } from "../storage/writer.ts";
import { DebugFiles } from "./debug_files.ts";
import { DebugFileError } from "./read_debug_file.ts";
import { WantedFiles } from "./wanted_files.ts";

const OFTEN = { everyMs: 20, lookMs: 10 };

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!await done()) await delay(20);
}

testWith(
  ["chdb", "gcc", "objcopy", "strip", "readelf", "nm", "debuginfod"],
  "WantedFiles names what is stored by the files of a debuginfod server",
  async () => {
    using folder = new TempFolder();
    const { path, buildId, address, plain } = strippedSpin(folder, "wanted");
    await using cleanup = new AsyncDisposableStack();
    const server = cleanup.use(await RealDebuginfod.start([`${folder.path}/wanted/debug`], [buildId]));
    const storage = cleanup.use(await startStorage());
    const builder = new ProfileBuilder();
    const series = builder.series({ pid: 1, comm: "wanted" });
    for (const at of [address, plain]) {
      const frame = builder.frame({
        ...{ function: `program+0x${at.toString(16)}`, module: path, file: "", line: 0 },
        ...{ buildId, address: at, rank: 0 },
      });
      builder.add("cpu", series, builder.stack([frame]), 1_000_000, 1);
    }
    const now = Date.now();
    const startNs = BigInt(now) * 1_000_000n;
    const batch = { ...makeBatch(), ...builder.build(), startNs, endNs: startNs + 1n, receivedMs: now };
    await new Writer(storage.client).write({ token: "wanted", batches: [batch] });
    const selection = { kind: "cpu" as const, from: now - 60_000, to: now + 60_000, matchers: [] };
    const top = async () => {
      const { rows, total } = await createQueries(storage.client).aggregate(selection);
      return { names: rows.map(({ group }) => group[0]!), total };
    };
    const before = await top();

    const tables = new DebugTables(storage.client);
    const debugFiles = cleanup.use(new DebugFiles({ tables, limit: 64 << 20 }));
    const debuginfod = cleanup.use(
      await Debuginfod.open({ urls: [server.url], folder: `${folder.path}/cache` }),
    );
    assertEquals(await tables.wanted(10), [buildId]);
    cleanup.use(new WantedFiles({ tables, debugFiles, debuginfod, ...OFTEN }));
    await until(async () => (await tables.files({ limit: 10 })).length > 0);
    assertEquals((await tables.files({ limit: 10 })).map(({ source, rank }) => [source, rank]), [[
      "debuginfod",
      3,
    ]]);
    await until(async () => (await top()).names.includes("plain_leaf"));
    const after = await top();
    assertEquals(after.total, before.total);
    assertEquals(after.names.filter((name) => before.names.includes(name)), []);
    assertEquals(await tables.wanted(10), []);
    assertEquals(debuginfod.stats.found, 1);
  },
  // It is stopped while it asks: ClickHouse's client keeps a timer for a socket whose question was given up.
  { sanitizeOps: false, sanitizeResources: false },
);

Deno.test("WantedFiles says once that a file is of no use, and goes on with others when storage is away", async () => {
  using folder = new TempFolder();
  folder.write("a", "");
  folder.write("b", "");
  const asked: string[] = [];
  const taken: string[] = [];
  let found = ["a"];
  let away = false;
  await using logs = await collectLogs();
  {
    await using _wanted = new WantedFiles({
      tables: {
        wanted: () => away ? Promise.reject(new Error("storage is away")) : Promise.resolve(["a", "b"]),
      },
      debugFiles: {
        take: async (body) => {
          await Array.fromAsync(body);
          taken.push("file");
          throw new DebugFileError("it has no names", "file");
        },
      },
      debuginfod: {
        want: (buildId) => void asked.push(buildId),
        takeFound: () => found.splice(0),
        pathOf: (buildId) => `${folder.path}/${buildId}`,
      },
      ...OFTEN,
    });
    await until(() => taken.length === 1);
    asked.length = 0;
    await until(() => asked.length > 3);
    assertEquals(new Set(asked), new Set(["b"]));
    away = true;
    await until(() => logs.lines.some((line) => line.includes("storage is away")));
    found = ["b"];
    await until(() => taken.length === 2);
  }
  const refusals = logs.lines.filter((line) => line.includes("that debuginfod gave: it has no names"));
  assertEquals(refusals.map((line) => line.replace(/ that .*/, "")), [
    "warning: Cannot use the debug file of a",
    "warning: Cannot use the debug file of b",
  ]);
});
