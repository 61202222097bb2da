/**
 * One run of the agent: the parts that the settings ask for, put together and taken apart in order.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { print, UserError, VERSION } from "../cli/main.ts";
import { readPem } from "../cli/pem.ts";
import { ProfileBuilder } from "../profile/builder.ts";
import type { Kind } from "../profile/model.ts";
import { record, type Recording, Summary } from "./agent.ts";
import { CPU_OBJECT, CpuCollector } from "./collectors/cpu.ts";
import type { AgentConfig } from "./config.ts";
import { checkOutput, STDOUT, writeOutput } from "./output/write.ts";
import { Progress } from "./output/progress.ts";
import { summaryLine, topTable } from "./output/top_table.ts";
import { gatherFacts, preflight, warnings } from "./preflight.ts";
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
  if (path !== undefined) await checkOutput(path);
  const facts = gatherFacts([CPU_OBJECT]);
  const problems = preflight(facts, { kinds: ["cpu"], memoryBytes: config.bpfMemory });
  if (problems.length > 0) throw new UserError(problems.join("\n       "));
  for (const warning of warnings(facts)) logger.warn(warning);
  const local = path !== undefined || config.aggregator === undefined;
  const windowMs = config.aggregator ? config.pushInterval : Math.min(LOCAL_WINDOW_MS, config.pushInterval);
  const node = config.nodeName ?? hostname;

  await using parts = new AsyncDisposableStack();
  const symboliser = parts.use(Symboliser.open());
  const pusher = config.aggregator && await openPusher(config, { node, parts });
  const collector = parts.use(openCollector(config, windowMs));
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
    const recording of record({ collectors: [collector], symboliser, windowMs, durationMs, signal })
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

/** Opens what the mode asks for; the kernel's refusal is told as it is, with what libbpf said. */
function openCollector(config: AgentConfig, windowMs: number): CpuCollector {
  try {
    return CpuCollector.open({
      freq: config.freq,
      windowMs,
      memoryBytes: config.bpfMemory,
      ...(config.pid === undefined ? {} : { pid: config.pid }),
    });
  } catch (cause) {
    throw new UserError((cause as Error).message, { cause });
  }
}

async function openPusher(
  config: AgentConfig,
  { node, parts }: { node: string; parts: AsyncDisposableStack },
): Promise<Pusher> {
  const ca = config.caFile === undefined ? undefined : await readAuthorities(config.caFile);
  const epoch = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e3)) * 1000n;
  const client = parts.use(new PushClient({ url: config.aggregator!, token: config.authToken, ca }));
  return new Pusher({
    identity: { agentId: node, epoch, node, agentVersion: VERSION },
    transport: client,
    spool: { directory: config.spoolDir },
  });
}

async function readAuthorities(path: string): Promise<string> {
  try {
    return await readPem(path, "the authorities' certificates");
  } catch (cause) {
    throw new UserError((cause as Error).message, { cause });
  }
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
