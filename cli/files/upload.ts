// SPDX-License-Identifier: Apache-2.0
/**
 * `aperture upload FILE`: keeps a profile of a file in the aggregator, beside what agents send.
 *
 * @module
 */

import type { KindsJson } from "../../aggregator/http/answers.ts";
import * as v from "valibot";
import { counted } from "../../common/words.ts";
import { defineSettings, text, UsageError } from "../../common/settings.ts";
import { pprofBytes } from "../../profile/formats/pprof.ts";
import { viewOf } from "../../profile/idle.ts";
import { LABELS } from "../../profile/labels.ts";
import { totalOf } from "../../profile/model.ts";
import { type Rest, SERVER_SETTINGS } from "../ask/rest.ts";
import { conditionOf, selectorOf } from "../ask/selector.ts";
import { withRest } from "../questions/asking.ts";
import { defineCommand, refuseRest, STATUS } from "../command.ts";
import { type Io, say, write } from "../io.ts";
import { outputSettings } from "../show/output.ts";
import type { Loaded } from "./loaded.ts";
import { readProfile } from "./read.ts";

/** What was taken is in storage within a flush: so often it is looked for. */
const TRIES = 40;
const TRY_MS = 250;

const SETTINGS = defineSettings({
  name: {
    flag: "name",
    placeholder: "NAME",
    help: "Its service's name; by default the file's",
    schema: text(),
  },
  label: {
    flag: "label",
    alias: "l",
    placeholder: "LABELS",
    help: "Labels to find it by: run=42, with commas between several",
    schema: labels(),
  },
  type: {
    flag: "type",
    alias: "t",
    placeholder: "TYPE",
    help: "Of a JSON file: cpu, lock or syscall",
    schema: text(),
  },
  quiet: outputSettings(["table"]).quiet,
  ...SERVER_SETTINGS,
});

/** Takes `key=value` pairs with commas between them. */
function labels(): v.GenericSchema<string, readonly (readonly [string, string])[]> {
  const message = "a list of labels like run=42,branch=main";
  return v.pipe(
    v.string(),
    v.regex(/^[\w.]+=[^,{}]*(,[\w.]+=[^,{}]*)*$/, message),
    v.transform((text) =>
      text.split(",").map((pair) => pair.split(/=(.*)/s).slice(0, 2) as [string, string])
    ),
  );
}

export const upload = defineCommand({
  name: "upload",
  group: "On this machine",
  summary: "Keep a profile of a file in the aggregator",
  usage: "upload FILE [--name NAME] [--label KEY=VALUE,…]",
  about:
    `It is stored at the file's own time, or now where it has none. CPU time counts with what agents send: give it a
name of its own. What it prints shows it. It needs a token of scopes ingest and read.`,
  settings: SETTINGS,
  examples: [
    { line: "aperture upload cpu.pb.gz --name shop-ci --label run=42", does: "a pprof file, of any program" },
    { line: "aperture upload profile.json --name shop-ci", does: "a file of aperture record" },
    { line: "aperture upload profile.json --type cpu --name shop-ci", does: "one kind of it" },
    { line: "aperture upload stacks.folded --label branch=main", does: "folded stacks" },
    { line: "aperture upload cpu.pb.gz -q", does: "without a word" },
  ],
  run: async ({ values, rest: args, io }) => {
    const [file] = args;
    if (file === undefined) throw new UsageError("Missing a file: aperture upload FILE");
    refuseRest(args, 1);
    const loaded = await readProfile(file, values.type);
    const { value, count } = totalOf(loaded.profile);
    if (value === 0) {
      await say(io, `${file} has nothing in it`);
      return STATUS.noData;
    }
    const name = values.name ?? file.split("/").at(-1)!.replace(/\.(pb\.gz|pprof|json|folded|txt|gz)$/g, "");
    const own = (values.label ?? []).map(([key, value]) => `${key}=${value}`).join(",");
    return await withRest(values, io, async (rest) => {
      const params = { name: `${name}{${own}}`, spyName: "aperture", ...await contentOf(file, loaded) };
      const { body, ...query } = params;
      await rest.send("/ingest", body, { params: query });
      await say(
        io,
        `uploaded: ${name}, ${counted(count || value, "sample", "samples")} of ${loaded.type}`,
        values,
      );
      const range = rangeOf(loaded, io.now());
      const kinds = await kindsOf({ rest, io }, name, range);
      const selector = [
        conditionOf("service", name),
        ...(values.label ?? []).map(([key, value]) => conditionOf(labelOf(key), value)),
      ].map(shellWord);
      const time = `--from ${range.from} --to ${range.to}`;
      await write(io, kinds.map((kind) => `aperture query ${kind} ${selector.join(" ")} ${time}\n`).join(""));
      return STATUS.ok;
    });
  },
});

/** Returns how a label is called that a profile was given: some are columns of series, others are theirs alone. */
function labelOf(key: string): string {
  return (LABELS as readonly string[]).includes(key) ? key : `label_${key.replaceAll(".", "_")}`;
}

/** Writes a word as a shell takes it. */
function shellWord(word: string): string {
  return /^[\w.:/=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Returns the minutes in which a profile is stored: at its beginning. */
function rangeOf({ startNs }: Loaded, now: number): { from: string; to: string } {
  const start = startNs > 0n ? Number(startNs / 1_000_000n) : now;
  const minute = (ms: number) =>
    new Date(Math.floor(ms / 60_000) * 60_000).toISOString().replace(":00.000Z", "Z");
  return { from: minute(start - 60_000), to: minute(start + 120_000) };
}

/** Waits until a service has something in storage, and returns of which kinds; none where that takes long. */
async function kindsOf(
  { rest, io }: { rest: Rest; io: Io },
  service: string,
  range: { from: string; to: string },
): Promise<readonly string[]> {
  const match = selectorOf([conditionOf("service", service)]);
  for (let tries = 0; tries < TRIES && !io.signal.aborted; tries++) {
    const { kinds } = await rest.json<KindsJson>("/api/kinds", { ...range, match });
    if (kinds.length > 0) return kinds.map(({ kind }) => kind);
    await new Promise((resolve) => setTimeout(resolve, TRY_MS));
  }
  await say(io, "It is not in storage yet");
  return [];
}

/**
 * Returns what is sent of a file: of pprof all that it has, of folded stacks that count samples the text, of others the
 * kind that was read, as pprof.
 */
async function contentOf(file: string, loaded: Loaded): Promise<{ body: Uint8Array; format: string }> {
  const { kind, startNs, durationNs, format, unit } = loaded;
  if (format === "pprof" || unit === "count") {
    return { body: await Deno.readFile(file), format: format === "pprof" ? "pprof" : "groups" };
  }
  return {
    body: await pprofBytes(viewOf(loaded.profile, kind), { kind, startNs, durationNs }),
    format: "pprof",
  };
}
