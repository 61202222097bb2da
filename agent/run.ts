/**
 * One run of the agent: the parts that the settings ask for, put together and taken apart in order.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { print, UserError, VERSION } from "../cli/main.ts";
import { ProfileBuilder } from "../profile/builder.ts";
import type { Kind } from "../profile/model.ts";
import { record, type Recording, Summary } from "./agent.ts";
import { CPU_OBJECT, CpuCollector, type CpuCollectorOptions } from "./collectors/cpu.ts";
import type { AgentConfig } from "./config.ts";
import { BpfError } from "./libbpf/mod.ts";
import { checkOutput, STDOUT, writeOutput } from "./output/write.ts";
import { Progress } from "./output/progress.ts";
import { stackEndsLine, summaryLine, topTable } from "./output/top_table.ts";
import { gatherFacts, preflight } from "./preflight.ts";
import { PushClient } from "./push/client.ts";
import { Pusher } from "./push/pusher.ts";
import { Symboliser } from "./symbols/symboliser.ts";
import { UNWIND_OBJECT, Unwinder } from "./unwind/unwinder.ts";

const logger = getLogger(["aperture", "agent"]);

/** A local run looks often: its progress shows, and processes are still there to be read. */
const LOCAL_WINDOW_MS = 1000;
/** How long an agent that stops tries to deliver what is left. */
const FAREWELL_MS = 5000;
const TOP_ROWS = 15;
/** Of the memory for maps, that of the unwinder; with less than its least, stacks are the kernel's helper's. */
const UNWINDER_SHARE = 0.5;
const LEAST_UNWINDER_BYTES = 4 << 20;

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
  if (path !== undefined) await checkOutput(path);
  const problems = preflight(gatherFacts([CPU_OBJECT, UNWIND_OBJECT]), {
    kinds: ["cpu"],
    memoryBytes: config.bpfMemory,
  });
  if (problems.length > 0) throw new UserError(problems.join("\n       "));
  const local = path !== undefined || config.aggregator === undefined;
  const windowMs = config.aggregator ? config.pushInterval : Math.min(LOCAL_WINDOW_MS, config.pushInterval);
  const node = config.nodeName ?? hostname;

  await using parts = new AsyncDisposableStack();
  const symboliser = parts.use(Symboliser.open());
  const pusher = config.aggregator && openPusher(config, { node, parts });
  const unwinder = parts.use(openUnwinder(config));
  const collector = parts.use(openCollector(config, { windowMs, unwinder }));
  const recorded = local ? new ProfileBuilder() : undefined;
  const summary = new Summary();
  using progress = new Progress({ shown: local, durationMs: config.duration });
  logger.info("Watching {what} at {freq} Hz on {node}", {
    what: config.pid === undefined ? "all processes" : `process ${config.pid}`,
    freq: config.freq,
    node,
  });
  let first: Recording | undefined;
  let last: Recording | undefined;
  const { duration: durationMs } = config;
  for await (
    const recording of record({ collectors: [collector], symboliser, unwinder, windowMs, durationMs, signal })
  ) {
    first ??= recording;
    last = recording;
    summary.add(recording);
    progress.count(summary.total.count);
    recorded?.merge(recording.profile);
    pusher?.push(recording.profile, recording);
  }
  progress[Symbol.dispose]();
  const startNs = first?.startNs ?? 0n;
  const durationNs = Number((last?.endNs ?? 0n) - startNs);
  if (recorded) {
    await show({ config, path, node, recorded, summary, startNs, durationNs, periodNs: collector.periodNs });
  }
  return pusher ? await farewell(pusher) : 0;
}

/** Without it stacks are those of frame pointers, which is said and counted, but no reason not to start. */
function openUnwinder({ bpfMemory }: AgentConfig): Unwinder | undefined {
  const memoryBytes = Math.floor(bpfMemory * UNWINDER_SHARE);
  if (memoryBytes < LEAST_UNWINDER_BYTES) {
    logger.warning(
      "Stacks will end where code has no frame pointers: the unwinder needs --bpf-memory of {bytes}",
      {
        bytes: LEAST_UNWINDER_BYTES / UNWINDER_SHARE,
      },
    );
    return undefined;
  }
  try {
    return Unwinder.open({ memoryBytes });
  } catch (error) {
    logger.warning("Stacks will end where code has no frame pointers: {error}", { error });
    return undefined;
  }
}

/** Opens what the mode asks for; the kernel's refusal is told as it is, with what libbpf said. */
function openCollector(
  { freq, bpfMemory, pid }: AgentConfig,
  { windowMs, unwinder }: { windowMs: number; unwinder: Unwinder | undefined },
): CpuCollector {
  const memoryBytes = unwinder ? Math.ceil(bpfMemory * (1 - UNWINDER_SHARE)) : bpfMemory;
  const options: CpuCollectorOptions = { freq, windowMs, memoryBytes, ...pid === undefined ? {} : { pid } };
  if (unwinder) {
    try {
      return CpuCollector.open({ ...options, unwinder });
    } catch (error) {
      if (!(error instanceof BpfError)) throw new UserError((error as Error).message, { cause: error });
      logger.warning("Stacks will end where code has no frame pointers: {error}", { error });
    }
  }
  try {
    return CpuCollector.open(options);
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
  readonly path: string | undefined;
  readonly node: string;
  readonly recorded: ProfileBuilder;
  readonly summary: Summary;
  readonly startNs: bigint;
  readonly durationNs: number;
  readonly periodNs: number;
}

/** Writes the file, and the table of the hottest functions. */
async function show(shown: Shown): Promise<void> {
  const { path, recorded, summary, ...rest } = shown;
  const profile = recorded.build();
  const kind: Kind = "cpu";
  const { losses } = summary;
  if (path !== undefined) await writeOutput(profile, { path, kind, losses, ...rest });
  const to = path === STDOUT ? Deno.stderr : Deno.stdout;
  const terminal = to.isTerminal();
  const width = terminal ? Deno.consoleSize().columns : 100;
  await print(to, topTable(profile, { kind, limit: TOP_ROWS, width, colors: terminal && !Deno.noColor }));
  await print(to, `${summaryLine(profile, { kind, durationNs: rest.durationNs, losses })}\n`);
  const stacks = stackEndsLine(summary.stackEnds);
  if (stacks !== "") await print(to, `${stacks}\n`);
  if (path !== undefined && path !== STDOUT) await print(to, `Wrote ${path}\n`);
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
