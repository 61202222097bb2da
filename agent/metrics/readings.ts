// SPDX-License-Identifier: Apache-2.0
/**
 * The metrics that are read from what the agent's parts count themselves.
 *
 * @module
 */

import type { Reading } from "../../common/metrics.ts";
import type { PodsStats } from "../metadata/kube/pods.ts";
import type { CaptureStats } from "../capture.ts";
import type { LabelStats } from "../metadata/labels.ts";
import type { PushStats } from "../push/pusher.ts";
import type { DebuginfodStats } from "../../symbols/debuginfod/debuginfod.ts";
import { debuginfodReadings } from "../../symbols/debuginfod/readings.ts";
import type { SymboliserStats } from "../symbols/symboliser.ts";
import type { UnwinderStats } from "../unwind/unwinder.ts";

export const UNWIND: readonly Reading<UnwinderStats>[] = [
  ["aperture_agent_unwind_pages", "Pages of unwind tables that the kernel has", ({ pages }) => pages.pages],
  ["aperture_agent_unwind_row_bytes", "What the rows of those pages take", ({ pages }) => pages.rowBytes],
  [
    "aperture_agent_unwind_rules",
    "Different rules that the rows of those pages refer to",
    ({ pages }) => pages.rules,
  ],
  [
    "aperture_agent_unwind_pages_loaded_total",
    "Pages that were given to the kernel",
    ({ pages }) => pages.loaded,
  ],
  [
    "aperture_agent_unwind_pages_evicted_total",
    "Pages that were given up: those that were not used for two minutes, or the longest unused, for others",
    ({ pages }) => pages.evicted,
  ],
  [
    "aperture_agent_unwind_pages_refused_total",
    "Pages that found no room, as all others were in use: stacks end there as no_page",
    ({ pages }) => pages.refused,
  ],
  [
    "aperture_agent_unwind_rules_refused_total",
    "Rules that found no room: stacks end there as no_rule",
    ({ pages }) => pages.rulesRefused,
  ],
  ["aperture_agent_unwind_files", "Programs and libraries that are known", ({ files }) => files.files],
  [
    "aperture_agent_unwind_files_refused_total",
    "Files that the kernel has no number left for: stacks have their code by process",
    ({ files }) => files.refused,
  ],
  [
    "aperture_agent_unwind_files_compiled_total",
    "Unwind tables that were compiled; a file's may be more than once",
    ({ tables }) => tables.compiled,
  ],
  [
    "aperture_agent_unwind_page_runs_compiled_total",
    "Runs of pages of large files that were compiled alone",
    ({ tables }) => tables.compiledPages,
  ],
  [
    "aperture_agent_unwind_files_failed_total",
    "Unwind tables that were not compiled, as their file could not be read any more",
    ({ tables }) => tables.failed,
  ],
  [
    "aperture_agent_unwind_compile_seconds_total",
    "Time spent on compiling unwind tables",
    ({ tables }) => tables.compileMs / 1000,
  ],
  [
    "aperture_agent_unwind_table_bytes",
    "What tables take that are kept for pages to come",
    ({ tables }) => tables.tableBytes,
  ],
  [
    "aperture_agent_unwind_cache_bytes",
    "What unwind tables take in files of the agent's own",
    ({ tables }) => tables.kept.bytes,
  ],
  [
    "aperture_agent_unwind_cache_files",
    "Programs and libraries with unwind tables in files of the agent's own",
    ({ tables }) => tables.kept.files,
  ],
  [
    "aperture_agent_unwind_cache_total",
    "Pages that were found in the agent's files (hit) or put there (written), and files that were given up for others " +
    "(evicted), could not be written to (failed), or were given up as damaged (damaged)",
    ({ tables }) => {
      const { hits: hit, written, evicted, failed, damaged } = tables.kept;
      return { hit, written, evicted, failed, damaged };
    },
    "result",
  ],
  [
    "aperture_agent_unwind_processes",
    "Processes whose mappings the kernel has",
    ({ mappings }) => mappings.processes,
  ],
  [
    "aperture_agent_unwind_mapping_prefixes",
    "Entries of the kernel's map of processes' mappings",
    ({ mappings }) => mappings.prefixes,
  ],
  [
    "aperture_agent_unwind_mapping_reads_total",
    "Reads of a process's mappings",
    ({ mappings }) => mappings.reads,
  ],
  [
    "aperture_agent_unwind_mappings_refused_total",
    "Entries that found no room in the map of mappings: stacks end there as no_mapping",
    ({ mappings }) => mappings.refused,
  ],
];

export const SYMBOLS: readonly Reading<SymboliserStats>[] = [
  ["aperture_agent_symbol_frames", "Named frames that are kept", ({ frames }) => frames],
  ["aperture_agent_symbol_frame_bytes", "What named frames take, about", ({ frameBytes }) => frameBytes],
  [
    "aperture_agent_symbol_lookups_total",
    "Addresses that were named: known already (hit), or to be looked up (miss)",
    ({ hits, misses }) => ({ hit: hits, miss: misses }),
    "result",
  ],
  [
    "aperture_agent_symbol_failures_total",
    "Addresses without a name: of no mapping or a process that was gone (unmapped), without a symbol (unnamed), " +
    "or for now, as reading files took too long (postponed); places that had none when the run was over (unread)",
    ({ unmapped, unnamed, postponed, unread }) => ({ unmapped, unnamed, postponed, unread }),
    "reason",
  ],
  [
    "aperture_agent_java_maps_total",
    "JVMs that were asked for the names of what they compiled: the map was written, or that failed",
    ({ java: { written, failed } }) => ({ written, failed }),
    "result",
  ],
  [
    "aperture_agent_symbols_undemangled_total",
    "Names of C++ or Rust that would be too long, or take too long: the symbol is shown",
    ({ undemangled }) => undemangled,
  ],
  ["aperture_agent_symbol_tables", "Symbol tables that are kept", ({ symbolTables }) => symbolTables.tables],
  [
    "aperture_agent_symbol_table_bytes",
    "What symbol tables take in memory; those in files take none but what is looked at",
    ({ symbolTables }) => symbolTables.tableBytes,
  ],
  [
    "aperture_agent_symbol_cache_bytes",
    "What symbol tables take in files of the agent's own",
    ({ symbolTables: { cache } }) => cache.bytes,
  ],
  [
    "aperture_agent_symbol_cache_files",
    "Symbol tables in files of the agent's own",
    ({ symbolTables: { cache } }) => cache.files,
  ],
  [
    "aperture_agent_symbol_cache_total",
    "Symbol tables that were found in the agent's files (hit), put there (written), given up for others (evicted), " +
    "kept in memory as they could not be written (failed), or made anew as their file was damaged (damaged)",
    ({ symbolTables: { cache } }) => {
      const { hits: hit, written, evicted, failed, damaged } = cache;
      return { hit, written, evicted, failed, damaged };
    },
    "result",
  ],
  ["aperture_agent_symbol_kernel_bytes", "What the kernel's symbols take", ({ kernelBytes }) => kernelBytes],
  [
    "aperture_agent_symbol_kernel_readings_total",
    "Times that the kernel's symbols were read: once, and when modules came or went",
    ({ kernelReadings }) => kernelReadings,
  ],
  [
    "aperture_agent_symbol_perf_map_bytes",
    "What perf maps of JIT code take",
    ({ perfMapBytes }) => perfMapBytes,
  ],
  [
    "aperture_agent_symbol_files_read_total",
    "Files whose symbols were read",
    ({ symbolTables }) => symbolTables.opened,
  ],
  [
    "aperture_agent_symbol_files_unreadable_total",
    "Files that could not be read, or made no sense",
    ({ symbolTables }) => symbolTables.unreadable,
  ],
  [
    "aperture_agent_symbol_tables_skipped_total",
    "Tables of symbols or stubs that were passed over, as they are too large or damaged",
    ({ symbolTables }) => symbolTables.skippedTables,
  ],
  [
    "aperture_agent_symbol_functions_dropped_total",
    "Functions that were left out of a symbol table for its size",
    ({ symbolTables }) => symbolTables.droppedFunctions,
  ],
  ["aperture_agent_processes", "Processes that had samples of late", ({ processes }) => processes.processes],
  ["aperture_agent_process_reads_total", "Reads of what a process is", ({ processes }) => processes.reads],
  [
    "aperture_agent_processes_gone_total",
    "Reads of a process that had ended by then",
    ({ processes }) => processes.gone,
  ],
  [
    "aperture_agent_debug_info_asked_total",
    "Addresses whose inlined functions and lines were asked for",
    ({ debug }) => debug.asked,
  ],
  [
    "aperture_agent_debug_info_answered_total",
    "Addresses whose inlined functions and lines were answered",
    ({ debug }) => debug.answered,
  ],
  [
    "aperture_agent_debug_info_dropped_total",
    "Addresses whose inlined functions were not asked for, as too many were waiting",
    ({ debug }) => debug.dropped,
  ],
  [
    "aperture_agent_debug_info_waiting",
    "Addresses whose inlined functions and lines are waited for",
    ({ debug }) => debug.waiting,
  ],
  ["aperture_agent_debug_info_files", "Files of debug information that are open", ({ debug }) => debug.files],
  ["aperture_agent_debug_info_bytes", "What open debug information takes, about", ({ debug }) => debug.bytes],
  [
    "aperture_agent_debug_info_files_refused_total",
    "Files of debug information that were not used: larger than the budget, or unreadable",
    ({ debug }) => ({ too_large: debug.tooLarge, unreadable: debug.unreadable }),
    "reason",
  ],
  [
    "aperture_agent_debug_info_deaths_total",
    "Times that the process which reads debug information died, and was started again",
    ({ debug }) => debug.deaths,
  ],
  ["aperture_agent_python_processes", "Processes that run Python", ({ python }) => python.interpreters],
  ["aperture_agent_python_functions", "Python functions that are kept", ({ python }) => python.codes],
  [
    "aperture_agent_python_function_bytes",
    "What Python functions take, about",
    ({ python }) => python.codeBytes,
  ],
  [
    "aperture_agent_python_frames_unnamed_total",
    "Python frames whose process or function was gone",
    ({ python }) => python.unnamed,
  ],
  ["aperture_agent_python_stacks_total", "Stacks with Python frames", ({ pythonStacks }) => pythonStacks],
  [
    "aperture_agent_python_stack_mismatches_total",
    "Stacks whose native frames and Python's did not fit together",
    ({ pythonMismatches }) => pythonMismatches,
  ],
];

/** They are read only where debuginfod servers are asked. */
export const DEBUGINFOD: readonly Reading<DebuginfodStats>[] = debuginfodReadings("aperture_agent");

export const CAPTURES: readonly Reading<CaptureStats>[] = [
  [
    "aperture_agent_captures_total",
    "Times that the aggregator asked to look closer, and the agent began to",
    ({ begun }) => begun,
  ],
  [
    "aperture_agent_captures_refused_total",
    "Requests to look closer that were not met: they are not allowed, or there were enough in the last hour",
    ({ refused }) => refused,
  ],
  ["aperture_agent_frequency", "CPU samples a second on each CPU, now", ({ frequency }) => frequency],
];

export const LABELS: readonly Reading<LabelStats>[] = [
  [
    "aperture_agent_containers_unknown_total",
    "Containers that nobody had named when they were first seen",
    ({ unknownContainers }) => unknownContainers,
  ],
  [
    "aperture_agent_processes_unlabelled_total",
    "Processes that had ended before their cgroup could be read: their samples have no pod or container",
    ({ unread }) => unread,
  ],
];

export const PODS: readonly Reading<PodsStats>[] = [
  ["aperture_agent_pods", "Pods of this node that are known", ({ pods }) => pods],
  [
    "aperture_agent_pod_requests_total",
    "Questions for this node's pods, by their verb",
    ({ lists, watches }) => ({ list: lists, watch: watches }),
    "verb",
  ],
  [
    "aperture_agent_pod_request_failures_total",
    "Questions for pods that were not answered, or wrongly",
    ({ failures }) => failures,
  ],
];

export const PUSH: readonly Reading<PushStats>[] = [
  ["aperture_agent_push_batches_total", "Batches that were acknowledged", ({ pushed }) => pushed],
  [
    "aperture_agent_push_bytes_total",
    "What the acknowledged batches were, before compression",
    ({ pushedBytes }) => pushedBytes,
  ],
  [
    "aperture_agent_push_duplicates_total",
    "Acknowledged batches that the aggregator had already",
    ({ duplicates }) => duplicates,
  ],
  ["aperture_agent_push_failures_total", "Tries to push that failed", ({ failures }) => failures],
  [
    "aperture_agent_push_dropped_batches_total",
    "Batches that were given up: without room (spool_full), damaged (spool_corrupt), or that the aggregator does not take",
    ({ dropped }) => dropped,
    "reason",
  ],
  [
    "aperture_agent_push_dropped_events_total",
    "Events and losses in batches that were given up; push_dropped in the losses of the next batch",
    ({ droppedEvents }) => droppedEvents,
  ],
  [
    "aperture_agent_push_spool_failures_total",
    "Batches that the spool's folder did not take, as it is full, cannot be written to or is broken",
    ({ writeFailures }) => writeFailures,
  ],
  ["aperture_agent_push_pending_batches", "Batches that wait in the spool", ({ pending }) => pending],
  [
    "aperture_agent_push_pending_bytes",
    "What the spool takes, in memory and in files",
    ({ pendingBytes }) => pendingBytes,
  ],
];
