// SPDX-License-Identifier: Apache-2.0
/**
 * `./dev demo`: a small workload, the aggregator and the agent on this machine, and what they found.
 *
 * @module
 */

import { delay } from "@std/async/delay";
import { bold, cyan, dim, setColorEnabled } from "@std/fmt/colors";
import { print, run, stopSignal, UserError, VERSION } from "../common/main.ts";
import { defineSettings, describeSettings, duration, readSettings, toggle } from "../common/settings.ts";
import { compile, FRAME_POINTERS } from "../tasks/compile.ts";
import { Program, RunningAggregator } from "../tasks/programs.ts";
import { type Found, query, report } from "./report.ts";

const SETTINGS = defineSettings({
  duration: {
    flag: "duration",
    alias: "d",
    placeholder: "TIME",
    help: "How long to profile before the report",
    default: "15s",
    schema: duration(3000, 3_600_000),
  },
  exit: {
    flag: "exit",
    placeholder: "",
    help: "Stop after the report; without it, at Ctrl-C",
    schema: toggle(),
  },
  help: { flag: "help", alias: "h", placeholder: "", help: "Show this text", schema: toggle() },
});

const HELP = `Profiles this machine with all parts of Aperture, and shows what was found.

Usage: ./dev demo [flags]

${describeSettings(SETTINGS)}
`;

/** The page's port where it is free, as in a real installation. */
const PAGE_PORT = 9090;
/** Short windows, so that the page fills while one looks at it. */
const WINDOW_MS = 2000;
/** Where other work has the CPUs, a start of seconds takes minutes; a part that fails ends, and is seen at once. */
const PATIENCE_MS = 300_000;
/** What takes longer than this says so, and says it again each time that it has passed. */
const SAY_EACH_MS = 20_000;

async function main(): Promise<number> {
  const settings = readSettings(SETTINGS, Deno.args, {});
  if (settings.help) {
    await print(Deno.stdout, HELP);
    return 0;
  }
  setColorEnabled(Deno.stdout.isTerminal() && !Deno.noColor);
  const stop = stopSignal();
  const folder = await Deno.makeTempDir({ prefix: "aperture-demo-" });
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(() => Deno.remove(folder, { recursive: true }));

  await say(`${bold("Aperture")} ${VERSION}: profiling this machine for ${settings.duration / 1000} s`);
  await say(dim("  compiling the workload: threads `render` and `files`, a CPU each"));
  await compile(new URL("workload.c", import.meta.url), `${folder}/workload`, { flags: FRAME_POINTERS });

  await say(dim("  starting the aggregator on its embedded ClickHouse engine"));
  const starting = saying("starting the aggregator");
  const aggregator = cleanup.use(
    await RunningAggregator.start({
      args: [`--data-dir=${folder}/data`, "--log-level=warning"],
      port: PAGE_PORT,
      timeout: PATIENCE_MS,
      signal: stop,
    }).finally(() => clearInterval(starting)),
  );
  const workload = cleanup.use(new Workload(`${folder}/workload`));
  await say(dim("  starting the agent: 99 samples a second on each CPU, one batch every 2 s"));
  const agent = cleanup.use(
    new Program("agent", [
      `--aggregator=${aggregator.grpc}`,
      `--push-interval=${WINDOW_MS}ms`,
      "--log-level=warning",
    ]),
  );
  const check = () => {
    for (const part of [agent, aggregator, workload]) part.assertRunning();
  };
  await wait(settings.duration, stop, check);
  if (stop.aborted) return 1;

  const found = await settled(aggregator, Math.floor(settings.duration / WINDOW_MS), {
    stop,
    each: check,
  });
  if (found === undefined) return 1;
  await say(report(found));
  await say(`The page: ${cyan(`${aggregator.http}/`)}`);
  if (settings.exit) return await stopInOrder(agent, aggregator);
  await say(dim("Running on until Ctrl-C"));
  while (!stop.aborted) {
    await delay(500, { signal: stop }).catch(() => {});
    if (!stop.aborted) check();
  }
  return await stopInOrder(agent, aggregator);
}

/** The workload's process: it ends when its standard input closes, as it does when the demo dies. */
class Workload implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  #ended: Deno.CommandStatus | undefined;

  constructor(path: string) {
    this.#child = new Deno.Command(path, { stdin: "piped" }).spawn();
    this.#child.status.then((status) => this.#ended = status);
  }

  /** @throws {UserError} when it has ended */
  assertRunning(): void {
    if (this.#ended) throw new UserError(`The workload ended with status ${this.#ended.code}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stdin.close().catch(() => {});
    await this.#child.status;
  }
}

/** Waits with a line of progress where someone looks at it. */
async function wait(ms: number, stop: AbortSignal, each: () => void): Promise<void> {
  const end = performance.now() + ms;
  for (let left = ms; left > 0 && !stop.aborted; left = end - performance.now()) {
    each();
    if (Deno.stderr.isTerminal()) {
      await print(Deno.stderr, `\r  profiling: ${Math.ceil(left / 1000)} s left \x1b[K`);
    }
    await delay(Math.min(left, 250), { signal: stop }).catch(() => {});
  }
  if (Deno.stderr.isTerminal()) await print(Deno.stderr, "\r\x1b[K");
}

/**
 * Asks until so many windows are in the tables: the last ones and their flush may still be on their way.
 *
 * @returns undefined once `stop` is aborted
 */
async function settled(
  aggregator: RunningAggregator,
  windows: number,
  { stop, each }: { readonly stop: AbortSignal; readonly each: () => void },
): Promise<Found | undefined> {
  const waiting = saying("waiting for the agent's batches");
  try {
    const deadline = performance.now() + PATIENCE_MS;
    while (!stop.aborted) {
      each();
      // An aggregator that has no time to answer may have it a moment later.
      const found = await query(aggregator, windows).catch((error: Error) => error);
      if (found !== undefined && !(found instanceof Error)) return found;
      if (performance.now() > deadline) {
        throw new UserError(
          found?.message ?? `Less than ${windows} batches were stored within ${PATIENCE_MS / 1000} s`,
        );
      }
      await delay(500, { signal: stop }).catch(() => {});
    }
  } finally {
    clearInterval(waiting);
  }
}

/** Says again and again that this is still done; give what it returns to `clearInterval`. */
function saying(what: string): ReturnType<typeof setInterval> {
  let seconds = 0;
  return setInterval(() => {
    seconds += SAY_EACH_MS / 1000;
    say(dim(`  still ${what}, after ${seconds} s: this machine is busy`));
  }, SAY_EACH_MS);
}

async function stopInOrder(agent: Program, aggregator: Program): Promise<number> {
  const statuses = [await agent.stop(), await aggregator.stop()];
  return statuses.every(({ success }) => success) ? 0 : 1;
}

async function say(text: string): Promise<void> {
  await print(Deno.stdout, `${text}\n`);
}

if (import.meta.main) await run("demo", main);
