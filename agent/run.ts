// SPDX-License-Identifier: Apache-2.0
/**
 * One run of the agent: the parts that the settings ask for, put together and taken apart in order.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { existsSync } from "node:fs";
import { setPriority } from "node:os";
import { print, UserError, VERSION } from "../common/main.ts";
import { counted, lasting } from "../common/words.ts";
import { readPem } from "../common/pem.ts";
import { ProfileBuilder } from "../profile/builder.ts";
import type { Kind, Profile } from "../profile/model.ts";
import { oneShape } from "../profile/one_shape.ts";
import type { OtlpExporter } from "../profile/otlp/exporter.ts";
import { openExporter } from "../profile/otlp/open.ts";
import { writeBatch } from "../profile/wire/write_batch.ts";
import { Relabeller } from "../profile/relabel/relabeller.ts";
import { record, type Recording, Summary } from "./agent.ts";
import { cpuPeriodNs } from "./collectors/cpu.ts";
import { OBJECTS, openCollectors } from "./collectors/open.ts";
import { Captures } from "./capture.ts";
import { Command } from "./command.ts";
import type { AgentConfig } from "./config.ts";
import type { Budget } from "./memory/budget.ts";
import { MemoryKeeper, residentBytes } from "./memory/keeper.ts";
import { emptyReason } from "./empty_reason.ts";
import { sayDelivered } from "./delivery.ts";
import { LossReport } from "./loss_report.ts";
import { processNamed } from "./metadata/named_processes.ts";
import { processOf } from "./metadata/watched_process.ts";
import { openPods } from "./metadata/kube/open.ts";
import { ProcessLabels } from "./metadata/labels.ts";
import type { MetricSources } from "./metrics/metrics.ts";
import { adoptOrphans, BpfError, giveBackMemory, limitAllocator } from "./libbpf/mod.ts";
import { lockTable } from "./output/lock_table.ts";
import { syscallTable } from "./output/syscall_table.ts";
import { checkOutput, outputFiles, STDOUT, writeOutput } from "./output/write.ts";
import { Progress } from "./output/progress.ts";
import { CutStacks } from "./output/cut_stacks.ts";
import { stackEndsLine, summaryLine, topTable } from "./output/top_table.ts";
import { gatherFacts, preflight, warnings } from "./preflight.ts";
import { PushClient } from "./push/client.ts";
import { Pusher } from "./push/pusher.ts";
import { Debuginfod } from "../symbols/debuginfod/debuginfod.ts";
import { JavaMaps } from "./java/java_maps.ts";
import { SymbolFiles } from "./symbols/symbol_files.ts";
import { Symboliser } from "./symbols/symboliser.ts";
import { UNWIND_OBJECT, Unwinder } from "./unwind/unwinder.ts";
import { warmUp } from "./warm_up.ts";

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
  /** The agent's parts may use this. */
  readonly budget: Budget;
  /** The user is here, and what is run begins here. */
  readonly cwd: string;
  /** The folder for downloaded debug files where the settings name none. */
  readonly debugFiles: string;
  /** The folder for symbol tables where the settings name none. */
  readonly symbolFiles: string;
}

/** The thread that drains and names has this priority. */
const NICE = -10;
/** Nothing was recorded. */
const NO_DATA = 4;

/**
 * Runs the agent until its duration is over, its command ends or the signal aborts.
 *
 * @returns the exit status, that of the command where there is one
 * @throws {UserError} saying what this machine lacks
 * @throws {UsageError} when the output cannot be written
 */
export async function runAgent(given: AgentConfig, options: RunOptions): Promise<number> {
  const { hostname, apiServer, debugFiles } = options;
  const wanted = given.comm === undefined ? given.pid : processNamed(given.comm);
  const config = { ...given, ...wanted !== undefined && { pid: watchedProcess(wanted) } };
  const path = config.output;
  const kinds = config.mode;
  const files = path === undefined ? [] : outputFiles(path, kinds);
  for (const file of files) await checkOutput(file.path);
  const facts = gatherFacts([UNWIND_OBJECT, ...kinds.map((kind) => OBJECTS[kind])]);
  const problems = preflight(facts, { kinds, memoryBytes: config.bpfMemory });
  if (problems.length > 0) throw new UserError(problems.join("\n       "));
  for (const warning of warnings(facts)) logger.warn(warning);
  const remote = config.aggregator !== undefined || config.otlpExporter === "otlp";
  const local = path !== undefined || !remote;
  const windowMs = remote ? config.pushInterval : Math.min(LOCAL_WINDOW_MS, config.pushInterval);
  const node = config.nodeName ?? hostname;

  limitAllocator();
  await using parts = new AsyncDisposableStack();
  const unwinder = parts.use(openUnwinder(config));
  const debuginfod = await openDebuginfod(config, debugFiles);
  if (debuginfod) parts.use(debuginfod);
  const java = config.javaMaps === "on" ? parts.use(new JavaMaps()) : undefined;
  const symboliser = parts.use(
    Symboliser.open({
      ...{ debuginfod, unwinder, java, names: config.symbolNames },
      symbolFiles: openSymbolFiles(config, options.symbolFiles),
      cacheBytes: options.budget.symbolBytes,
      // A local run is short, and wants to know now.
      debug: { bytes: options.budget.debugBytes, ...local ? { idleWindows: 30 } : { restWindows: 5 } },
    }),
  );
  const relabeller = await orExplain(openRelabeller(config));
  if (relabeller) parts.use(relabeller);
  const exporter = await orExplain(openExporter(config));
  if (exporter) parts.use(exporter);
  const pods = openPods(config, { node, apiServer });
  if (pods) parts.use(pods);
  const labels = new ProcessLabels({ pods });
  const captures = new Captures({ freq: config.freq, maxFreq: config.captureFreq });
  const pusher = config.aggregator && await openPusher(config, { node, parts, captures });
  // What the command leaves behind is still watched.
  if (config.command) adoptOrphans();
  const command = config.command && parts.use(Command.prepare(config.command, options));
  // After the command was made, which is to have the priority that the user has.
  raisePriority({ session: command === undefined });
  const { collectors } = parts.use(open(kinds, config, { unwinder }));
  const keeper = new MemoryKeeper({
    bytes: options.budget.bytes,
    resident: () => residentBytes([Deno.pid, ...symboliser.readerPid ? [symboliser.readerPid] : []]),
    giveBack: giveBackMemory,
    shed: (what) => symboliser.shed(what),
  });
  const sources = {
    collectors,
    symboliser,
    debuginfod,
    labels,
    pods,
    unwinder,
    pusher,
    captures,
    windowMs,
    keeper,
    relabeller,
    exporter,
  };
  const endpoint = await openEndpoint(config, sources);
  if (endpoint) parts.use(endpoint);
  const recorded = local ? new ProfileBuilder() : undefined;
  const summary = new Summary();
  const cutStacks = new CutStacks();
  using progress = new Progress({ shown: local && !command, durationMs: config.duration });
  logger.info("Watching {kinds} of {what} on {node}", {
    kinds: kinds.map((kind) => kind === "cpu" ? `cpu at ${config.freq} Hz` : kind).join(", "),
    what: command
      ? "what this command starts"
      : config.pid === undefined
      ? "all processes"
      : `process ${config.pid}`,
    node,
  });
  let signal = options.signal;
  if (command) {
    signal = AbortSignal.any([signal, endOf(command)]);
    options.signal.addEventListener("abort", () => command.stop(), { once: true });
    // The C library's tables, and those of the shell that becomes the command.
    unwinder?.warm(command.pid);
    await unwinder?.settle();
    await command.begin();
  } else if (local && unwinder) {
    progress.reading(() => unwinder.stats.files.files);
    const { ms } = await warmUp({ collectors, unwinder, pid: config.pid, signal });
    logger.info("Read {files} in {time}", {
      files: counted(unwinder.stats.files.files, "file", "files"),
      time: lasting(ms),
    });
  }
  progress.begin();
  const delivered = pusher && parts.use(sayDelivered(pusher, config.aggregator!));
  const losses = new LossReport();
  let startNs: bigint | undefined;
  let endNs = 0n;
  const { duration: durationMs } = config;
  const excludedPid = config.includeSelf ? undefined : Deno.pid;
  const send = exporter && sender(exporter, node);
  const flush = async () => {
    await exporter?.flush(FLUSH_MS);
    return pusher ? await flushOnExit(pusher) : 0;
  };
  try {
    for await (
      const named of record({
        ...{ collectors, symboliser, labels, unwinder, captures },
        ...{ windowMs, durationMs, signal, excludedPid },
        beats: () => pusher?.beats ?? 1,
      })
    ) {
      const recording = relabeller ? { ...named, profile: relabeller.apply(named.profile, node) } : named;
      startNs ??= recording.startNs;
      endNs = recording.endNs;
      const before = summary.events;
      summary.add(recording);
      endpoint?.window(recording);
      cutStacks.add(recording.profile);
      progress.count(summary.events);
      if (!local) losses.add(summary.events - before, recording.losses);
      recorded?.merge(recording.profile);
      pusher?.push(recording.profile, recording);
      send?.(recording);
      keeper.endWindow();
    }
  } catch (error) {
    // What is recorded already is not lost for what comes after it.
    await flush();
    throw error;
  }
  progress[Symbol.dispose]();
  startNs ??= 0n;
  const durationNs = Number(endNs - startNs);
  if (recorded) await show({ config, files, node, recorded, summary, startNs, durationNs });
  delivered?.[Symbol.dispose]();
  const status = await flush();
  if (command) return await command.status || status;
  if (local && summary.events === 0) {
    logger.error("{reason}", { reason: emptyReason({ kinds, pid: config.pid }) });
    return status || NO_DATA;
  }
  return status;
}

/**
 * Raises the priority of little work that must be done in time: on a busy machine, maps fill while the agent waits for
&
 */
function raisePriority({ session }: { session: boolean }): void {
  try {
    setPriority(NICE);
    // Where the kernel shares CPUs out among sessions first, that of a service is to have its turn, too; a terminal's
    // has the user's own work in it.
    const group = "/proc/self/autogroup";
    if (session && !hasTerminal() && existsSync(group)) {
      Deno.writeTextFileSync(group, String(NICE), { create: false });
    }
  } catch (error) {
    logger.debug("Cannot raise the priority: {error}", { error });
  }
}

/** Tells whether somebody sits before the terminal that this process belongs to: field 7 of `/proc/PID/stat`. */
function hasTerminal(): boolean {
  const stat = Deno.readTextFileSync("/proc/self/stat");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[4] !== "0";
}

/** Returns the process that is meant by the number of one of its threads. */
function watchedProcess(pid: number): number {
  const process = processOf(pid);
  if (process === undefined) throw new UserError(`Cannot profile process ${pid}: there is no such process`);
  if (process !== pid) logger.info("{thread} is a thread of process {process}", { thread: pid, process });
  return process;
}

/** Opens the relabel rules; `undefined` where there are none. */
async function openRelabeller({ relabelConfig }: AgentConfig): Promise<Relabeller | undefined> {
  return relabelConfig === undefined ? undefined : await Relabeller.open(relabelConfig);
}

/** Tells what a part throws at the start, which is for the user, without a stack trace. */
async function orExplain<T>(start: Promise<T>): Promise<T> {
  try {
    return await start;
  } catch (cause) {
    throw new UserError((cause as Error).message, { cause });
  }
}

/** Returns what hands a window on to a collector. */
function sender(exporter: OtlpExporter, node: string): (recording: Recording) => void {
  const identity = { agentId: node, epoch: newEpoch(), node, agentVersion: VERSION };
  let sequence = 0;
  return ({ profile, startNs, endNs }) => {
    exporter.offer(
      writeBatch({ ...profile, ...identity, sequence: ++sequence, startNs, endNs, losses: new Map() }),
    );
  };
}

/** Names this run of the agent: the time in Unix ns, and chance. */
function newEpoch(): bigint {
  return BigInt(Date.now()) * 1_000_000n + BigInt(Math.floor(Math.random() * 1e6));
}

/** Aborts when the command has ended. */
function endOf(command: Command): AbortSignal {
  const end = new AbortController();
  command.status.then(() => end.abort());
  return end.signal;
}

/**
 * Opens the client of debuginfod servers. Without one, what has no debug information here goes without, which is no
 * reason not to start.
 */
async function openDebuginfod(config: AgentConfig, folder: string): Promise<Debuginfod | undefined> {
  const { debuginfodUrls: urls = [], debuginfodSize: cacheBytes, debuginfodMaxSize } = config;
  if (urls.length === 0) return undefined;
  const ca = await readFile(config.caFile, "the authorities' certificates");
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

/** Opens the folder of symbol tables; without it they are in memory, which is no reason not to start. */
function openSymbolFiles({ symbolCache, symbolCacheSize }: AgentConfig, folder: string) {
  if (symbolCacheSize === 0) return undefined;
  try {
    return new SymbolFiles({ folder: symbolCache ?? folder, maxBytes: symbolCacheSize });
  } catch (error) {
    logger.info("Symbol tables are kept in memory: {reason}", { reason: (error as Error).message });
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
  { unwinder }: { unwinder: Unwinder | undefined },
) {
  const options = {
    freq: config.freq,
    maxFreq: config.captureFreq,
    pid: config.pid,
    ancestor: config.command && Deno.pid,
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
  { node, parts, captures }: { node: string; parts: AsyncDisposableStack; captures: Captures },
): Promise<Pusher> {
  const ca = await readFile(config.caFile, "the authorities' certificates");
  const cert = await readFile(config.clientCert, "the agent's certificate");
  const key = await readFile(config.clientKey, "the key of the agent's certificate");
  const certificate = cert === undefined || key === undefined ? undefined : { cert, key };
  const epoch = newEpoch();
  const client = parts.use(
    new PushClient({ url: config.aggregator!, token: config.authToken, ca, certificate }),
  );
  return new Pusher({
    identity: { agentId: node, epoch, node, agentVersion: VERSION },
    transport: client,
    spool: { directory: config.spoolDir },
    onCapture: (request) => captures.ask(request),
  });
}

/** Returns the text of a PEM file; `undefined` where none is named. */
async function readFile(path: string | undefined, what: string): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    return await readPem(path, what);
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
  const profile = oneShape(recorded.build());
  const idle = config.includeIdle ?? false;
  for (const file of files) {
    const { losses } = summary.notes(file.kind);
    await writeOutput(profile, { ...file, ...rest, idle, losses, periodNs: cpuPeriodNs(config.freq) });
  }
  // A command has standard output for itself.
  const isPiped = files.some(({ path }) => path === STDOUT) || config.command !== undefined;
  const to = isPiped ? Deno.stderr : Deno.stdout;
  const terminal = to.isTerminal();
  const options = {
    limit: TOP_ROWS,
    // What goes into a pipe is whole.
    width: terminal ? Deno.consoleSize().columns : Infinity,
    colors: terminal && !Deno.noColor,
    idle,
  };
  for (const [i, kind] of config.mode.entries()) {
    if (i > 0) await print(to, "\n");
    // What went to standard output need not be said again.
    if (kind !== "syscall" || config.output !== STDOUT) await print(to, tableOf(profile, kind, options));
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
    logger.info("Stopped: {pushed} delivered, none is left", { pushed: counted(pushed, "batch", "batches") });
    return 0;
  }
  const they = batches === 1 ? "it is" : "they are";
  const are = batches === 1 ? "is" : "are";
  logger.error("Stopped with {batches} that {are} not delivered: {fate}", {
    batches: counted(batches, "batch", "batches"),
    are,
    fate: kept ? `${they} in the spool's folder and ${are} sent at the next start` : `${they} lost`,
  });
  return kept ? 0 : 1;
}
