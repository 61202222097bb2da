// SPDX-License-Identifier: Apache-2.0
/**
 * Holds the unwind tables of all ELF files below the given folders to what readelf says of them.
 *
 * `deno task unwind-check /usr/lib /usr/bin`: some minutes; exit code 1 when any row differs.
 *
 * @module
 */

import { ElfError } from "../symbols/elf/elf.ts";
import { RegularFile } from "../symbols/elf/regular_file.ts";
import { compileUnwindTable } from "../agent/unwind/compile.ts";
import { RuleSet } from "../agent/unwind/rules.ts";
import { tableBytes } from "../agent/unwind/table.ts";
import { elfFiles } from "../tests/support/elf_files.ts";
import { readelfRule, readelfSteps } from "../tests/support/readelf_frames.ts";
import { compareSteps, tableSteps } from "../tests/support/unwind_steps.ts";

const totals = { files: 0, refused: 0, functions: 0, rows: 0, unknown: 0, mismatches: 0, bytes: 0, ms: 0 };
const losses = new Map<string, number>();
const rules = new RuleSet();
let [largestRules, largestPage] = [0, 0];

async function check(path: string): Promise<void> {
  using file = RegularFile.open(path);
  if (file === undefined) return;
  const start = performance.now();
  const { table, functions, losses: lost } = await compileUnwindTable(file, { budget: 1000 });
  totals.ms += performance.now() - start;
  totals.files++;
  totals.functions += functions;
  totals.bytes += tableBytes(table);
  for (const [loss, count] of lost) losses.set(loss, (losses.get(loss) ?? 0) + count);
  for (let i = 0; i < table.rules.length / 4; i++) rules.add(table.rules, i);
  largestRules = Math.max(largestRules, table.rules.length / 4);
  for (let i = 0; i < table.pages.length; i++) {
    largestPage = Math.max(largestPage, table.first[i + 1]! - table.first[i]!);
  }
  const { rows, unknown, mismatches, examples } = compareSteps(
    await readelfSteps(path),
    tableSteps(table, readelfRule),
  );
  totals.rows += rows;
  totals.unknown += unknown;
  totals.mismatches += mismatches;
  if (mismatches > 0) await say(`${path}: ${mismatches} of ${rows} rows differ\n  ${examples.join("\n  ")}`);
}

async function say(line: string): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(line + "\n"));
}

for (const folder of Deno.args) {
  for await (const path of elfFiles(folder)) {
    try {
      await check(path);
    } catch (error) {
      if (!(error instanceof ElfError)) throw new Error(`Cannot check ${path}`, { cause: error });
      totals.refused++;
      await say(`${path}: ${error.message}`);
    }
  }
}
await say(JSON.stringify({ ...totals, ms: Math.round(totals.ms) }));
await say(
  JSON.stringify({ losses: Object.fromEntries(losses), rules: rules.size, largestRules, largestPage }),
);
Deno.exitCode = totals.mismatches === 0 && totals.files > 0 ? 0 : 1;
