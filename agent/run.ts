// SPDX-License-Identifier: Apache-2.0
/**
 * One run of the agent: the parts that the settings ask for, put together and taken apart in order.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { UserError } from "../common/main.ts";
import { counted, lasting } from "../common/words.ts";
import { ProfileBuilder } from "../profile/builder.ts";
import { openExporter } from "../profile/otlp/open.ts";
import { record, Summary } from "./agent.ts";
import { OBJECTS } from "./collectors/open.ts";
import { Captures } from "./capture.ts";
import { momentOf } from "./clock.ts";
import { Command } from "./command.ts";
import type { AgentConfig } from "./config.ts";
import { FLUSH_MS, flushOnExit, sender } from "./handing_on.ts";
import type { Budget } from "./memory/budget.ts";
import { MemoryKeeper, residentBytes } from "./memory/keeper.ts";
import { OwnUsage } from "./own_usage.ts";
import { emptyReason } from "./empty_reason.ts";
import { sayDelivered } from "./delivery.ts";
import { LossReport } from "./loss_report.ts";
import { processNamed } from "./metadata/named_processes.ts";
import { processOf } from "./metadata/watched_process.ts";
import { openPods } from "./metadata/kube/open.ts";
import { ProcessLabels } from "./metadata/labels.ts";
import { adoptOrphans, giveBackMemory, limitAllocator } from "./libbpf/mod.ts";
import {
  openDebuginfod,
  openEndpoint,
  openKinds,
  openPusher,
  openRelabeller,
  openSymbolFiles,
  openTableFiles,
  openUnwinder,
  orExplain,
} from "./open_parts.ts";
import { checkOutput, outputFiles } from "./output/write.ts";
import { Progress } from "./output/progress.ts";
import { CutStacks } from "./output/cut_stacks.ts";
import { show } from "./output/show.ts";
import { gatherFacts, preflight, warnings } from "./preflight.ts";
import { raisePriority } from "./priority.ts";
import { JavaMaps } from "./java/java_maps.ts";
import { Symboliser } from "./symbols/symboliser.ts";
import { UNWIND_OBJECT } from "./unwind/unwinder.ts";
import { warmUp } from "./warm_up.ts";

const logger = getLogger(["aperture", "agent"]);

/** A local run looks often: its progress shows, and processes are still there to be read. */
const LOCAL_WINDOW_MS = 1000;

/** A local run reads ahead for this part of the time: it is short, and wants whole stacks of what begins meanwhile. */
const AHEAD_SHARE = 0.4;

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
  // To load the agent took tens of megabytes, which are free by now.
  giveBackMemory();
  await using parts = new AsyncDisposableStack();
  const debuginfod = await openDebuginfod(config, debugFiles);
  if (debuginfod) parts.use(debuginfod);
  const kept = openTableFiles(config, options.symbolFiles);
  const unwinder = parts.use(openUnwinder(config, { downloads: debuginfod, kept }));
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
  const { collectors } = parts.use(openKinds(kinds, config, { unwinder }));
  // What the first was counting while the others were loaded, for seconds on a busy machine, is of no window.
  await Promise.all(collectors.map((collector) => collector.drain()));
  let begun = momentOf();
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
    begun = momentOf();
    await command.begin();
  } else if (local && unwinder) {
    progress.reading(() => unwinder.stats.files.files);
    const { ms } = await warmUp({ collectors, unwinder, pid: config.pid, signal });
    begun = momentOf();
    logger.info("Read {files} in {time}", {
      files: counted(unwinder.stats.files.files, "file", "files"),
      time: lasting(ms),
    });
  }
  if (local) unwinder?.keepReadingAhead(AHEAD_SHARE);
  progress.begin();
  const delivered = pusher && parts.use(sayDelivered(pusher, config.aggregator!));
  const losses = new LossReport();
  const usage = new OwnUsage({ reader: () => symboliser.readerPid });
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
        ...{ windowMs, durationMs, signal, excludedPid, begun },
        beats: () => pusher?.beats ?? 1,
        onDrained: () => keeper.ease(),
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
      recorded?.addWindow(recording.profile);
      await pusher?.push(recording.profile, { ...recording, usage: usage.next() });
      await send?.(recording);
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
  const { unread } = symboliser.stats;
  if (recorded) await show({ config, files, node, recorded, summary, startNs, durationNs, unread });
  delivered?.[Symbol.dispose]();
  const status = await flush();
  if (command) return await command.status || status;
  if (local && summary.events === 0) {
    logger.error("{reason}", { reason: emptyReason({ kinds, pid: config.pid }) });
    return status || NO_DATA;
  }
  return status;
}

/** Returns the process that is meant by the number of one of its threads. */
function watchedProcess(pid: number): number {
  const process = processOf(pid);
  if (process === undefined) throw new UserError(`Cannot profile process ${pid}: there is no such process`);
  if (process !== pid) logger.info("{thread} is a thread of process {process}", { thread: pid, process });
  return process;
}

/** Aborts when the command has ended. */
function endOf(command: Command): AbortSignal {
  const end = new AbortController();
  command.status.then(() => end.abort());
  return end.signal;
}
