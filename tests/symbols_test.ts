// SPDX-License-Identifier: Apache-2.0
/**
 * A program without symbols gets its names by a debug file that comes after its samples: kernel → agent → storage →
 * POST /api/symbols → REST.
 */

import { assert, assertEquals, assertGreater } from "@std/assert";
import { delay } from "@std/async/delay";
import type { FlameJson, SymbolsJson, SymbolsUploadJson, TopJson } from "../aggregator/http/answers.ts";
import { build } from "../tasks/build.ts";
import { Program } from "../tasks/programs.ts";
import { startAggregator } from "./support/aggregator.ts";
import { sourceLines, strippedSpin } from "./support/debug_files.ts";
import { testWith } from "./support/needs.ts";
import { RunningProgram, TempFolder } from "./support/programs.ts";

const NEEDS = ["bpf", "chdb", "gcc", "objcopy", "strip", "readelf", "nm", "eu-addr2line"];

testWith(
  NEEDS,
  "a debug file names what was profiled before it came, and totals stay the same",
  async (t) => {
    await build();
    using folder = new TempFolder();
    await using cleanup = new AsyncDisposableStack();
    const aggregator = await startAggregator(cleanup, { args: ["--log-level=warning"] });
    const stripped = strippedSpin(folder, "late");
    const program = cleanup.use(await RunningProgram.start(stripped.path));
    const agent = cleanup.use(
      new Program("agent", [
        `--pid=${program.pid}`,
        `--aggregator=${aggregator.grpc}`,
        "--push-interval=1s",
        "--duration=3s",
        "--freq=997",
        "--log-level=error",
      ]),
    );
    assertEquals((await agent.child.status).code, 0);
    const match = encodeURIComponent(`{pid="${program.pid}"}`);
    // The program ends with the test, so that the range has all of it.
    const query = `from=-10m&to=${Math.ceil(Date.now() / 1000) + 60}&match=${match}`;
    const top = () => aggregator.json(`/api/top?${query}`) as Promise<TopJson>;
    const lines = async () => {
      const path = `/api/flamegraph?${query}&first_level=none&last_level=line&max_nodes=500000`;
      const { graph, total } = await aggregator.json(path) as FlameJson;
      return { names: graph.names, width: graph.total, total };
    };
    let before = await top();
    while (before.quality.staged > 0 || before.total.count === 0) {
      await delay(100);
      before = await top();
    }
    const old = await lines();

    await t.step("before it comes there are addresses", () => {
      assert(before.rows.some((row) => row.function.startsWith("program+0x")), JSON.stringify(before.rows));
      assert(!before.rows.some((row) => /spin_leaf|step/.test(row.function)));
    });

    const upload = async (body: BodyInit, type = "application/octet-stream") => {
      const response = await aggregator.fetch("/api/symbols", {
        method: "POST",
        body,
        headers: { "content-type": type },
      });
      return { status: response.status, text: await response.text() };
    };

    await t.step("what is no debug file is refused, and the aggregator goes on", async () => {
      const bytes = await Deno.readFile(stripped.debug);
      assertEquals((await upload(bytes, "text/plain")).status, 415);
      assertEquals((await upload("no ELF file")).status, 422);
      assertEquals((await upload(bytes.slice(0, bytes.length / 2))).status, 422);
      assertEquals((await upload(await Deno.readFile(stripped.path))).status, 422, "it has no names");
      assertEquals((await top()).total, before.total);
    });

    const taken = await upload(await Deno.readFile(stripped.debug));
    assertEquals(taken.status, 200, taken.text);
    const { file, named } = JSON.parse(taken.text) as SymbolsUploadJson;
    const after = await top();

    await t.step(
      "then there are functions, inlined ones and lines of all the time, and the same sums",
      async () => {
        assertEquals({ ...file, ranges: 0 }, {
          ...{ build_id: stripped.buildId, rank: 3, source: "upload", ranges: 0 },
        });
        assertGreater(named, 0);
        const names = after.rows.map((row) => row.function);
        for (const name of ["spin_leaf", "inner_step", "middle_step", "main"]) {
          assert(
            names.includes(name),
            name,
          );
        }
        assert(!names.some((name) => name.startsWith("program+0x")), names.join());
        assertEquals(after.total, before.total);
        const now = await lines();
        assertEquals([now.total, now.width], [old.total, old.width]);
        const known = new Set(sourceLines(stripped).map(([innermost]) => innermost!.replace(/^\S+ /, "")));
        assert(now.names.some((name) => known.has(name)), `${now.names.join()} without ${[...known].join()}`);
      },
    );

    await t.step("the same file again names nothing anew", async () => {
      const { status, text } = await upload(await Deno.readFile(stripped.debug));
      assertEquals([status, (JSON.parse(text) as SymbolsUploadJson).named], [200, 0]);
      const { files } = await aggregator.json(`/api/symbols?build_id=${stripped.buildId}`) as SymbolsJson;
      assertEquals(files, [(JSON.parse(text) as SymbolsUploadJson).file]);
    });
  },
);
