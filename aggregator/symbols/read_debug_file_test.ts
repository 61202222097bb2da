// SPDX-License-Identifier: Apache-2.0
import { assert, assertEquals, assertRejects } from "@std/assert";
import { strippedSpin } from "../../tests/support/debug_files.ts";
import { testWith } from "../../tests/support/needs.ts";
import { TempFolder } from "../../tests/support/programs.ts";
import { DebugFileError, readDebugFile } from "./read_debug_file.ts";

/** Never aborts. */
const { signal } = new AbortController();
const NEEDS = ["gcc", "objcopy", "strip", "readelf", "nm"];

async function* chunks(bytes: Uint8Array<ArrayBuffer>, size = 4096) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

testWith(NEEDS, "readDebugFile() says what a file is, and refuses one that is too large", async () => {
  using folder = new TempFolder();
  const { debug, buildId } = strippedSpin(folder, "read");
  const bytes = await Deno.readFile(debug);
  const blocks: Uint8Array[] = [];
  const facts = await readDebugFile(chunks(bytes), {
    limit: 64 << 20,
    signal,
    onBlock: (block) => Promise.resolve(void blocks.push(block)),
  });
  assertEquals({ ...facts, ranges: 0 }, { buildId, rank: 3, ranges: 0 });
  assert(facts.ranges > 10 && blocks.length === 1, `${facts.ranges} ranges in ${blocks.length} blocks`);
  assert(new TextDecoder().decode(blocks[0]).includes("plain_leaf"), "the symbol table names what is left");
  const refused = await assertRejects(
    () => readDebugFile(chunks(bytes), { limit: bytes.length - 1, signal, onBlock: () => Promise.resolve() }),
    DebugFileError,
  );
  assertEquals(refused.because, "size");
});

testWith(NEEDS, "readDebugFile() takes damaged files for what they are", async () => {
  using folder = new TempFolder();
  const { debug } = strippedSpin(folder, "damaged");
  const bytes = await Deno.readFile(debug);
  // Every process is a start of Deno: few, and each with many wrong bytes.
  for (const seed of [1, 2, 3]) {
    const damaged = bytes.map((byte, i) =>
      i > 64 && (i * 2654435761 >>> 0) % 97 < seed * 3 ? byte ^ i & 255 : byte
    );
    const read = readDebugFile(chunks(damaged), {
      limit: 64 << 20,
      signal,
      onBlock: () => Promise.resolve(),
    });
    await read.catch((error) => assert(error instanceof DebugFileError, String(error)));
  }
});

testWith(
  NEEDS,
  "readDebugFile() ends when it is told to, and when its file does not come to its end",
  async () => {
    const controller = new AbortController();
    const endless = async function* () {
      yield Uint8Array.of(127, 69, 76, 70);
      controller.abort(new DOMException("gone", "AbortError"));
      await new Promise(() => {});
    };
    await assertRejects(
      () =>
        readDebugFile(endless(), {
          limit: 1 << 20,
          signal: controller.signal,
          onBlock: () => Promise.resolve(),
        }),
      DOMException,
      "gone",
    );
  },
);
