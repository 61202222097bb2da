/**
 * One run of the agent: the parts that the settings ask for, put together and taken apart in order.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { print, UserError, VERSION } from "../common/main.ts";
import { readPem } from "../common/pem.ts";
import { ProfileBuilder } from "../profile/builder.ts";
import type { Kind, Profile } from "../profile/model.ts";
import { record, type Recording, Summary } from "./agent.ts";
import { cpuPeriodNs } from "./collectors/cpu.ts";
import { OBJECTS, openCollectors } from "./collectors/open.ts";
import { type AgentConfig, kindsOf } from "./config.ts";
import { openPods } from "./metadata/kube/open.ts";
import { ProcessLabels } from "./metadata/labels.ts";
import type { MetricSources } from "./metrics/metrics.ts";
import { BpfError } from "./libbpf/mod.ts";
import { lockTable } from "./output/lock_table.ts";
import { syscallTable } from "./output/syscall_table.ts";
import { checkOutput, outputFiles, STDOUT, writeOutput } from "./output/write.ts";
import { Progress } from "./output/progress.ts";
import { CutStacks } from "./output/cut_stacks.ts";
import { stackEndsLine, summaryLine, topTable } from "./output/top_table.ts";
import { gatherFacts, preflight, warnings } from "./preflight.ts";
import { PushClient } from "./push/client.ts";
import { Pusher } from "./push/pusher.ts";
import { Debuginfod } from "./symbols/debug/debuginfod/debuginfod.ts";
import { JavaMaps } from "./java/java_maps.ts";
import { Symboliser } from "./symbols/symboliser.ts";
import { UNWIND_OBJECT, Unwinder } from "./unwind/unwinder.ts";

const logger = getLogger(["aperture", "agent"]);

/** A local run looks often: its progress shows, and processes are still there to be read. */
const LOCAL_WINDOW_MS = 1000;
/** An agent that stops tries for so many ms to deliver what is left. */
const FLUSH_MS = 5000;
const TOP_ROWS = 15;
/** The unwinder has this share of the memory for maps; with less than its least, stacks are the kernel's helper's. */
const UNWINDER_SHARE = 0.5;
const LEAST_UNWINDER_BYTES = 4 << 20;

export interface RunOptions {
  /** Stops the run; what was recorded until then is written. */
  readonly signal: AbortSignal;
  readonly hostname: string;
  /** The API server of the cluster that this is in. */
  readonly apiServer?: URL | undefined;
  /** The folder for downloaded debug files where the settings name none. */
  readonly debugFiles: string;
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
  { signal, hostname, apiServer, debugFiles }: RunOptions,
): Promise<number> {
  const path = config.output;
  const kinds = kindsOf(config.mode);
  const files = path === undefined ? [] : outputFiles(path, kinds);
  for (const file of files) await checkOutput(file.path);
  const facts = gatherFacts([UNWIND_OBJECT, ...kinds.map((kind) => OBJECTS[kind])]);
  const problems = preflight(facts, { kinds, memoryBytes: config.bpfMemory });
  if (problems.length > 0) throw new UserError(problems.join("\n       "));
  for (const warning of warnings(facts)) logger.warn(warning);
  const local = path !== undefined || config.aggregator === undefined;
  const windowMs = config.aggregator ? config.pushInterval : Math.min(LOCAL_WINDOW_MS, config.pushInterval);
  const node = config.nodeName ?? hostname;

  await using parts = new AsyncDisposableStack();
  const unwinder = parts.use(openUnwinder(config));
  const debuginfod = await openDebuginfod(config, debugFiles);
  if (debuginfod) parts.use(debuginfod);
  const java = config.javaMaps === "on" ? parts.use(new JavaMaps()) : undefined;
  const symboliser = parts.use(Symboliser.open({ debuginfod, unwinder, java, names: config.symbolNames }));
  const pods = openPods(config, { node, apiServer });
  if (pods) parts.use(pods);
  const labels = new ProcessLabels({ pods });
  const pusher = config.aggregator && await openPusher(config, { node, parts });
  const { collectors } = parts.use(open(kinds, config, { windowMs, unwinder }));
  const sources = { collectors, symboliser, debuginfod, labels, pods, unwinder, pusher, windowMs };
  const endpoint = await openEndpoint(config, sources);
  if (endpoint) parts.use(endpoint);
  const recorded = local ? new ProfileBuilder() : undefined;
  const summary = new Summary();
  const cutStacks = new CutStacks();
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
    const recording of record({
      ...{ collectors, symboliser, labels, unwinder },
      ...{ windowMs, durationMs, signal, excludedPid },
      beats: () => pusher?.beats ?? 1,
    })
  ) {
    first ??= recording;
    last = recording;
    summary.add(recording);
    endpoint?.window(recording);
    cutStacks.add(recording.profile);
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
  return pusher ? await flushOnExit(pusher) : 0;
}

/**
 * Opens the client of debuginfod servers. Without one, what has no debug information here goes without, which is no
 * reason not to start.
 */
async function openDebuginfod(config: AgentConfig, folder: string): Promise<Debuginfod | undefined> {
  const { debuginfodUrls: urls = [], debuginfodSize: cacheBytes, debuginfodMaxSize } = config;
  if (urls.length === 0) return undefined;
  const ca = config.caFile === undefined ? undefined : await readAuthorities(config.caFile);
  try {
    return await Debuginfod.open({
      ...{ urls, ca, cacheBytes, folder: config.debuginfodCache ?? folder },
      maxBytes: debuginfodMaxSize || cacheBytes,
      stallMs: Math.max(0, 1000 * config.debuginfodTimeout),
    });
  } catch (error) {
    logger.warning("debuginfod is not asked: {reason}", { reason: (error as Error).message });
    return undefined;
  }
}

/**
 * Opens the unwinder. Without it stacks are those of frame pointers, which is said and counted, but no reason not to
 * start.
 */
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
function open(
  kinds: readonly Kind[],
  config: AgentConfig,
  { windowMs, unwinder }: { windowMs: number; unwinder: Unwinder | undefined },
) {
  const options = {
    freq: config.freq,
    windowMs,
    pid: config.pid,
    memoryBytes: unwinder ? Math.ceil(config.bpfMemory * (1 - UNWINDER_SHARE)) : config.bpfMemory,
    slowNs: Math.round(config.syscallSlow * 1e6),
    includeSelf: config.includeSelf ?? false,
  };
  if (unwinder) {
    try {
      return openCollectors(kinds, { ...options, unwinder });
    } catch (error) {
      if (!(error instanceof BpfError)) throw new UserError((error as Error).message, { cause: error });
      logger.warning("Stacks will end where code has no frame pointers: {error}", { error });
    }
  }
  try {
    return openCollectors(kinds, options);
  } catch (cause) {
    throw new UserError((cause as Error).message, { cause });
  }
}

/** Opens the agent's own HTTP side, whose library is loaded where it is wanted: that takes a tenth of a second. */
async function openEndpoint({ listen, bpfMemory }: AgentConfig, sources: Omit<MetricSources, "bpfMemory">) {
  if (listen === undefined) return undefined;
  const { AgentEndpoint } = await import("./metrics/endpoint.ts");
  try {
    return new AgentEndpoint({ listen, bpfMemory, ...sources });
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
  const idle = config.includeIdle ?? false;
  for (const file of files) {
    const { losses } = summary.notes(file.kind);
    await writeOutput(profile, { ...file, ...rest, idle, losses, periodNs: cpuPeriodNs(config.freq) });
  }
  const isPiped = files.some(({ path }) => path === STDOUT);
  const to = isPiped ? Deno.stderr : Deno.stdout;
  const terminal = to.isTerminal();
  const options = {
    limit: TOP_ROWS,
    // What goes into a pipe is whole.
    width: terminal ? Deno.consoleSize().columns : Infinity,
    colors: terminal && !Deno.noColor,
    idle,
  };
  for (const [i, kind] of kindsOf(config.mode).entries()) {
    if (i > 0) await print(to, "\n");
    // What went to standard output need not be said again.
    if (kind !== "syscall" || !isPiped) await print(to, tableOf(profile, kind, options));
    const { losses, stackEnds } = summary.notes(kind);
    await print(to, `${summaryLine(profile, { kind, durationNs: rest.durationNs, losses, idle })}\n`);
    const stacks = stackEndsLine(stackEnds);
    if (stacks !== "") await print(to, `${stacks}\n`);
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
async function flushOnExit(pusher: Pusher): Promise<number> {
  const { batches, kept } = await pusher.stop({ deadlineMs: FLUSH_MS });
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
