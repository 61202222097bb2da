// SPDX-License-Identifier: Apache-2.0
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ProfileBuilder } from "../../profile/builder.ts";
import { type Frame, frameAt, seriesAt, stackCount } from "../../profile/model.ts";
import { batchArbitrary } from "../../tests/support/random_batches.ts";
import type { ReceivedBatch } from "./part.ts";
import { hashContent } from "./content_hash.ts";

Deno.test("hashContent() gives equal hashes to equal content, and only to that", () => {
  const content = new Map<bigint, string>();
  const hashes = new Map<string, bigint>();
  const note = (hash: bigint, text: string) => {
    assertEquals(content.get(hash) ?? text, text);
    assertEquals(hashes.get(text) ?? hash, hash);
    content.set(hash, text);
    hashes.set(text, hash);
  };
  fc.assert(fc.property(batchArbitrary(30), (batch) => {
    const { functionOf, grouped, locations, symbols, stacks, series } = hashContent(batch, batch.node);
    batch.frames.line.forEach((_, row) => {
      const { function: name, module } = frameAt(batch, row);
      note(functionOf(row), `function ${JSON.stringify([name, module])}`);
    });
    const ends = Array.from(locations, (_, i) => [grouped.offset[i]!, grouped.offset[i + 1]!] as const);
    const places = ends.map(([from, to], i) => {
      const chain = Array.from(grouped.frame.subarray(from, to), (row) => frameAt(batch, row));
      const { module, buildId, address } = chain.at(-1)!;
      const symbol = JSON.stringify([chain.map(named), grouped.rank[i]]);
      const place = grouped.native[i] === 1
        ? JSON.stringify([module, buildId, address])
        : `content ${symbol}`;
      note(symbols[i]!, `symbol ${place} ${symbol}`);
      return place;
    });
    locations.forEach((hash, i) => note(hash, places[i]!));
    series.forEach((hash, row) => note(hash, `series ${batch.node} ${JSON.stringify(seriesAt(batch, row))}`));
    assertEquals(stacks.length, stackCount(batch));
    stacks.forEach((hash, row) => {
      const { offset, location } = grouped.stacks;
      const path = Array.from(location.subarray(offset[row], offset[row + 1]), (each) => places[each]);
      note(hash, `stack ${JSON.stringify(path)}`);
    });
  }));
});

Deno.test("hashContent() gives the same hashes in every version", () => {
  // What is stored is found by them: a change here splits all data in two.
  const [batch] = fc.sample(batchArbitrary(5), { numRuns: 1, seed: 3 });
  const fixed: ReceivedBatch = {
    ...batch!,
    strings: ["", "main", "/bin/a"],
    frames: {
      function: Uint32Array.of(1),
      module: Uint32Array.of(2),
      file: Uint32Array.of(0),
      line: Uint32Array.of(3),
      buildId: Uint32Array.of(0),
      address: Float64Array.of(64),
      startLine: Uint32Array.of(0),
      inlined: Uint32Array.of(0),
      rank: Uint32Array.of(2),
    },
    stacks: { offset: Uint32Array.of(0, 1), frame: Uint32Array.of(0) },
    series: {
      pid: Uint32Array.of(1),
      comm: Uint32Array.of(1),
      exe: Uint32Array.of(2),
      container: Uint32Array.of(0),
      pod: Uint32Array.of(0),
      namespace: Uint32Array.of(0),
      service: Uint32Array.of(0),
      labels: Uint32Array.of(0),
      process: Uint32Array.of(0),
    },
  };
  const { functionOf, locations, stacks, series } = hashContent(fixed, "n1");
  assertEquals([functionOf(0), locations[0], stacks[0], series[0]], [
    5476737250228502766n,
    16076522705317261731n,
    718616347217560826n,
    11293446023535164937n,
  ]);
});

/** Holds what a symbol says of one frame. */
function named({ inlined: _inlined, rank: _rank, ...frame }: Required<Frame>) {
  return frame;
}

Deno.test("hashContent() gives native code the same hash whatever it is called", () => {
  const native = {
    function: "lib.so+0x40",
    module: "/lib/lib.so",
    file: "",
    line: 0,
    buildId: "ab",
    address: 64,
  };
  const named: Frame = { ...native, function: "outer", file: "a.c", line: 7, rank: 3 };
  const inner: Frame = { ...named, function: "inner", line: 3, inlined: true };
  const hashes = [[native], [named], [inner, named]].map((frames) => {
    const builder = new ProfileBuilder();
    builder.stack(frames.map((frame) => builder.frame(frame)));
    return hashContent(builder.build(), "n1");
  });
  assertEquals(new Set(hashes.map(({ stacks }) => stacks[0])).size, 1);
  assertEquals(new Set(hashes.map(({ locations }) => locations.join())).size, 1);
  assertEquals(hashes.map(({ grouped }) => grouped.rank[0]), [0, 3, 3]);
  assertEquals(new Set(hashes.map(({ symbols }) => symbols[0])).size, 3);
});

Deno.test("hashContent() tells a chain that is torn by an interpreter's frames by its content", () => {
  const native: Frame = {
    function: "eval",
    module: "/lib/py.so",
    file: "",
    line: 0,
    buildId: "ab",
    address: 64,
  };
  const python: Frame = { ...native, function: "handler", module: "/app.py", buildId: "", address: 0 };
  const builder = new ProfileBuilder();
  const frame = (each: Frame) => builder.frame(each);
  builder.stack([frame({ ...native, inlined: true }), frame(python)]);
  builder.stack([frame(native)]);
  const { locations, grouped } = hashContent(builder.build(), "n1");
  assertEquals([...grouped.native], [0, 0, 1]);
  assertEquals(new Set(locations).size, 3);
});
