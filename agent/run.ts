/**
 * One run of the agent: the parts that the settings ask for, put together and taken apart in order.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { print, UserError, VERSION } from "../cli/main.ts";
import { ProfileBuilder } from "../profile/builder.ts";
import type { Kind, Profile } from "../profile/model.ts";
import { record, type Recording, Summary } from "./agent.ts";
import { cpuPeriodNs } from "./collectors/cpu.ts";
import { OBJECTS, openCollectors } from "./collectors/open.ts";
import { type AgentConfig, kindsOf } from "./config.ts";
import { lockTable } from "./output/lock_table.ts";
import { syscallTable } from "./output/syscall_table.ts";
import { checkOutput, outputFiles, STDOUT, writeOutput } from "./output/write.ts";
import { Progress } from "./output/progress.ts";
import { summaryLine, topTable } from "./output/top_table.ts";
import { gatherFacts, preflight } from "./preflight.ts";
import { PushClient } from "./push/client.ts";
import { Pusher } from "./push/pusher.ts";
import { Symboliser } from "./symbols/symboliser.ts";

const logger = getLogger(["aperture", "agent"]);

/** A local run looks often: its progress shows, and processes are still there to be read. */
const LOCAL_WINDOW_MS = 1000;
/** How long an agent that stops tries to deliver what is left. */
const FAREWELL_MS = 5000;
const TOP_ROWS = 15;

export interface RunOptions {
  /** Stops the run; what was recorded until then is written. */
  readonly signal: AbortSignal;
  readonly hostname: string;
}

/**
 * Runs the agent until its duration is over or the signal aborts.
 *
 * @returns the exit status
 * @throws {UserError} saying what this machine lacks
 * @throws {UsageError} when the output cannot be written
 */
export async function runAgent(
  config: AgentConfig,
  { signal, hostname }: RunOptions,
): Promise<number> {
  const path = config.output;
  const kinds = kindsOf(config.mode);
  const files = path === undefined ? [] : outputFiles(path, kinds);
  for (const file of files) await checkOutput(file.path);
  const facts = gatherFacts(kinds.map((kind) => OBJECTS[kind]));
  const problems = preflight(facts, { kinds, memoryBytes: config.bpfMemory });
  if (problems.length > 0) throw new UserError(problems.join("\n       "));
  const local = path !== undefined || config.aggregator === undefined;
  const windowMs = config.aggregator ? config.pushInterval : Math.min(LOCAL_WINDOW_MS, config.pushInterval);
  const node = config.nodeName ?? hostname;

  await using parts = new AsyncDisposableStack();
  const symboliser = parts.use(Symboliser.open());
  const pusher = config.aggregator && openPusher(config, { node, parts });
  const { collectors } = parts.use(open(kinds, config, windowMs));
  const recorded = local ? new ProfileBuilder() : undefined;
  const summary = new Summary();
  using progress = new Progress({ shown: local, durationMs: config.duration });
  logger.info("Watching {kinds} of {what} on {node}", {
    kinds: kinds.map((kind) => kind === "cpu" ? `cpu at ${config.freq} Hz` : kind).join(", "),
    what: config.pid === undefined ? "all processes" : `process ${config.pid}`,
    node,
  });
  let first: Recording | undefined;
  let last: Recording | undefined;
  const { duration: durationMs } = config;
  const excludedPid = config.includeSelf ? undefined : Deno.pid;
  for await (
    const recording of record({ collectors, symboliser, windowMs, durationMs, signal, excludedPid })
  ) {
    first ??= recording;
    last = recording;
    summary.add(recording);
    progress.count(summary.events);
    recorded?.merge(recording.profile);
    pusher?.push(recording.profile, recording);
  }
  progress[Symbol.dispose]();
  const startNs = first?.startNs ?? 0n;
  const durationNs = Number((last?.endNs ?? 0n) - startNs);
  if (recorded) {
    await show({ config, files, node, recorded, summary, startNs, durationNs });
  }
  return pusher ? await farewell(pusher) : 0;
}

/** Opens what the mode asks for; the kernel's refusal is told as it is, with what libbpf said. */
function open(kinds: readonly Kind[], config: AgentConfig, windowMs: number) {
  try {
    return openCollectors(kinds, {
      freq: config.freq,
      windowMs,
      pid: config.pid,
      memoryBytes: config.bpfMemory,
      slowNs: Math.round(config.syscallSlow * 1e6),
      includeSelf: config.includeSelf ?? false,
    });
  } catch (cause) {
    throw new UserError((cause as Error).message, { cause });
  }
}

function openPusher(
  config: AgentConfig,
  { node, parts }: { node: string; parts: AsyncDisposableStack },
): Pusher {
  const epoch = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e3)) * 1000n;
  const client = parts.use(new PushClient({ url: config.aggregator!, token: config.authToken }));
  return new Pusher({
    identity: { agentId: node, epoch, node, agentVersion: VERSION },
    transport: client,
    spool: { directory: config.spoolDir },
  });
}

interface Shown {
  readonly config: AgentConfig;
  readonly files: readonly { readonly path: string; readonly kind: Kind }[];
  readonly node: string;
  readonly recorded: ProfileBuilder;
  readonly summary: Summary;
  readonly startNs: bigint;
  readonly durationNs: number;
}

/** Writes the files, and of each kind a table of what took longest. */
async function show({ config, files, recorded, summary, ...rest }: Shown): Promise<void> {
  const profile = recorded.build();
  const { losses } = summary;
  const idle = config.includeIdle ?? false;
  for (const file of files) {
    await writeOutput(profile, { ...file, ...rest, idle, losses, periodNs: cpuPeriodNs(config.freq) });
  }
  const isPiped = files.some(({ path }) => path === STDOUT);
  const to = isPiped ? Deno.stderr : Deno.stdout;
  const terminal = to.isTerminal();
  const options = {
    limit: TOP_ROWS,
    width: terminal ? Deno.consoleSize().columns : 100,
    colors: terminal && !Deno.noColor,
    idle,
  };
  for (const [i, kind] of kindsOf(config.mode).entries()) {
    if (i > 0) await print(to, "\n");
    // What went to standard output need not be said again.
    if (kind !== "syscall" || !isPiped) await print(to, tableOf(profile, kind, options));
    await print(to, `${summaryLine(profile, { kind, durationNs: rest.durationNs, losses, idle })}\n`);
  }
  for (const { path } of isPiped ? [] : files) await print(to, `Wrote ${path}\n`);
}

function tableOf(
  profile: Profile,
  kind: Kind,
  options: { limit: number; width: number; colors: boolean; idle: boolean },
): string {
  if (kind === "lock") return lockTable(profile, options);
  if (kind === "syscall") return syscallTable(profile, options);
  return topTable(profile, { kind, ...options });
}

/** Delivers what is left. Not delivering it is a failure, unless the spool keeps it for the next start. */
async function farewell(pusher: Pusher): Promise<number> {
  const { batches, kept } = await pusher.stop({ deadlineMs: FAREWELL_MS });
  const { pushed } = pusher.stats();
  if (batches === 0) {
    logger.info("Stopped: all {pushed} batches are delivered", { pushed });
    return 0;
  }
  logger.error("Stopped with {batches} batches that are not delivered: {fate}", {
    batches,
    fate: kept ? "they are in the spool's folder and are sent at the next start" : "they are lost",
  });
  return kept ? 0 : 1;
}
