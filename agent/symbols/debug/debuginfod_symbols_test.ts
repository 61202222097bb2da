// SPDX-License-Identifier: Apache-2.0
/**
 * Names, inlined functions and lines out of files that elfutils' own server gave.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { delay } from "@std/async/delay";
import type { Frame } from "../../../profile/model.ts";
import {
  buildIdOf,
  RealDebuginfod,
  sourceLines,
  type Stripped,
  strippedSpin,
} from "../../../tests/support/debug_files.ts";
import { testWith } from "../../../tests/support/needs.ts";
import { run, RunningProgram, TempFolder } from "../../../tests/support/programs.ts";
import { Symboliser } from "../symboliser.ts";
import { Debuginfod } from "../../../symbols/debuginfod/debuginfod.ts";

const NEEDS = ["gcc", "objcopy", "strip", "readelf", "nm", "eu-addr2line", "debuginfod"];

/** Returns the frames of all addresses of `spin_leaf`, each innermost first. */
function spinFrames(
  symboliser: Symboliser,
  { pid, firstLine }: RunningProgram,
  { size }: Stripped,
): Frame[][] {
  return Array.from({ length: size }, (_, i) => {
    return symboliser.stack({ pid, user: [parseInt(firstLine, 16) + i], kernel: [] });
  });
}

/** Goes through windows, as the agent does, until `done`. */
async function windows(
  symboliser: Symboliser,
  program: RunningProgram,
  stripped: Stripped,
  done: () => boolean,
) {
  while (!done()) {
    spinFrames(symboliser, program, stripped);
    await symboliser.settle(1000);
    symboliser.endWindow();
    await delay(10);
  }
  symboliser.endWindow();
  spinFrames(symboliser, program, stripped);
  await symboliser.settle(10_000);
  return spinFrames(symboliser, program, stripped);
}

function described(frames: readonly Frame[]): string[] {
  return frames.map(({ function: name, file, line }) => `${name} ${file}:${line}`);
}

/** Returns the function of which only the symbol table knows. */
function plainFunction(symboliser: Symboliser, { pid, firstLine }: RunningProgram, at: Stripped): string {
  const address = parseInt(firstLine, 16) - at.address + at.plain + 3;
  return symboliser.stack({ pid, user: [address], kernel: [] })[0]!.function;
}

testWith(NEEDS, "a stripped program gets what debuginfod has of it, and eu-addr2line agrees", async () => {
  using folder = new TempFolder();
  const stripped = strippedSpin(folder, "shop");
  await using server = await RealDebuginfod.start([`${folder.path}/shop/debug`], [stripped.buildId]);
  await using debuginfod = await Debuginfod.open({ urls: [server.url], folder: `${folder.path}/cache` });
  await using program = await RunningProgram.start(stripped.path, ["wait"]);
  await using symboliser = Symboliser.open({ debuginfod });
  // A function without a name is called by where it begins, at whichever address of it: unwind tables tell that, else code.
  const names = new Set(spinFrames(symboliser, program, stripped).map(([frame]) => frame!.function));
  assertEquals(names.size, 1);
  assertMatch([...names][0]!, /^program\+0x[0-9a-f]+$/);
  const plain = `program+0x${stripped.plain.toString(16)}`;
  assertEquals(plainFunction(symboliser, program, stripped), plain);
  const found = await windows(symboliser, program, stripped, () => debuginfod.stats.found > 0);
  assertEquals(plainFunction(symboliser, program, stripped), "plain_leaf");
  const theirs = sourceLines(stripped);
  assertEquals(found.map(described), theirs);
  assert(theirs.filter((frames) => frames.length === 3).length > 20, JSON.stringify(theirs));
  const { found: count, bytes, rejected, failed } = debuginfod.stats;
  assertEquals([count, rejected, failed], [1, 0, 0]);
  assertEquals(bytes, Deno.statSync(stripped.debug).size);
});

testWith([...NEEDS, "dwz"], "a debug file that dwz shrank gets its common file, too", async () => {
  using folder = new TempFolder();
  const [shop, bank] = ["shop", "bank"].map((name) => strippedSpin(folder, name));
  const before = sourceLines(shop!);
  const common = `${folder.path}/common.debug`;
  run("dwz", ["-m", common, "-M", "/nowhere/common.debug", shop!.debug, bank!.debug]);
  const served = `${folder.path}/served`;
  Deno.mkdirSync(served);
  for (const [i, path] of [common, shop!.debug].entries()) Deno.renameSync(path, `${served}/${i}.debug`);
  const ids = [buildIdOf(`${served}/0.debug`), shop!.buildId];
  await using server = await RealDebuginfod.start([served], ids);
  await using debuginfod = await Debuginfod.open({ urls: [server.url], folder: `${folder.path}/cache` });
  await using program = await RunningProgram.start(shop!.path, ["wait"]);
  await using symboliser = Symboliser.open({ debuginfod });
  const found = await windows(symboliser, program, shop!, () => debuginfod.stats.found > 1);
  assertEquals(found.map(described), before);
});

testWith(NEEDS, "without a server nothing is asked, and a file that gdb left is used", async () => {
  using folder = new TempFolder();
  const stripped = strippedSpin(folder, "shop");
  await using server = await RealDebuginfod.start([`${folder.path}/shop/debug`], [stripped.buildId]);
  const cache = `${folder.path}/cache`;
  const env = { DEBUGINFOD_URLS: server.url.href, DEBUGINFOD_CACHE_PATH: cache };
  new Deno.Command("debuginfod-find", { args: ["debuginfo", stripped.buildId], env }).outputSync();
  const asked = await server.answers(200);
  await using program = await RunningProgram.start(stripped.path, ["wait"]);
  {
    await using symboliser = Symboliser.open({ coldMs: 60_000 });
    const [frame] = spinFrames(symboliser, program, stripped)[0]!;
    assertMatch(frame!.function, /^program\+0x[0-9a-f]+$/);
  }
  await using debuginfod = await Debuginfod.open({ urls: [server.url], folder: cache });
  await using symboliser = Symboliser.open({ debuginfod });
  const found = await windows(symboliser, program, stripped, () => true);
  assertEquals(found.map(described), sourceLines(stripped));
  assertEquals([debuginfod.stats.asked, await server.answers(200)], [0, asked]);
});
