// SPDX-License-Identifier: Apache-2.0
/**
 * A fleet that never was: profiles of a few machines with a few hundred functions, the same for a seed.
 *
 * @module
 */

import { ProfileBuilder } from "../../profile/builder.ts";
import { viewOf } from "../../profile/idle.ts";
import {
  frameAt,
  KERNEL_MODULE,
  type Kind,
  KIND_NUMBER,
  KINDS,
  NO_LOCKS,
  type Profile,
  SYSCALL_MODULE,
  type Total,
  totalOf,
} from "../../profile/model.ts";
import { HOLDER_SITES, LOCK_SITES, SYSCALL_ROWS } from "./fleet_waits.ts";
import type { Label } from "../../profile/labels.ts";
import type { AnyLabel } from "../../aggregator/query/matchers.ts";
import { flameGraph } from "../../profile/flame.ts";
import { samplesOf } from "../../profile/samples_of.ts";
import { bothGraphs } from "./graphs.ts";
import type { AggregateRow, GroupBy, TreeOptions } from "../../aggregator/query/stack_answers.ts";
import type { LabelValue, TimelineOptions } from "../../aggregator/query/series_answers.ts";
import type { Queries } from "../../aggregator/query/types.ts";
import type { Selection, TimeRange } from "../../aggregator/query/asked.ts";
import type { StoredBatch } from "../../aggregator/query/store_answers.ts";
import type { SyscallsOptions } from "../../aggregator/query/wait_answers.ts";

/** A program; a function in another module than its own is `name|module`. */
interface Code {
  readonly comm: string;
  readonly exe: string;
  /** Is its share of the machine's time. */
  readonly share: number;
  readonly module: string;
  readonly roots: readonly string[];
  /** Layers of functions between the roots and the leaves. */
  readonly layers: readonly (readonly string[])[];
  /** A stack ends in the kernel so often, in percent. */
  readonly kernel: number;
}

const LIBC = "/usr/lib/x86_64-linux-gnu/libc.so.6";
const NANOSECONDS = 10_101_010;

const KERNEL_PATHS = [
  "entry_SYSCALL_64_after_hwframe do_syscall_64 ksys_read vfs_read new_sync_read sock_read_iter tcp_recvmsg tcp_recvmsg_locked skb_copy_datagram_iter copy_user_enhanced_fast_string",
  "entry_SYSCALL_64_after_hwframe do_syscall_64 __x64_sys_sendto __sys_sendto sock_sendmsg tcp_sendmsg tcp_sendmsg_locked tcp_push __tcp_push_pending_frames tcp_write_xmit __tcp_transmit_skb ip_queue_xmit ip_output ip_finish_output2 __dev_queue_xmit dev_hard_start_xmit",
  "entry_SYSCALL_64_after_hwframe do_syscall_64 __x64_sys_epoll_wait do_epoll_wait ep_poll schedule_hrtimeout_range schedule __schedule finish_task_switch",
  "entry_SYSCALL_64_after_hwframe do_syscall_64 ksys_pread64 vfs_read ext4_file_read_iter generic_file_read_iter filemap_read filemap_get_pages page_cache_ra_unbounded",
  "entry_SYSCALL_64_after_hwframe do_syscall_64 __x64_sys_fdatasync do_fsync ext4_sync_file jbd2_log_wait_commit prepare_to_wait_event _raw_spin_lock_irqsave",
  "asm_exc_page_fault exc_page_fault handle_mm_fault __handle_mm_fault do_anonymous_page alloc_pages_vma get_page_from_freelist clear_page_erms",
].map((path) => path.split(" "));

const CODES: readonly Code[] = [
  {
    comm: "postgres",
    exe: "/usr/lib/postgresql/15/bin/postgres",
    share: 0.38,
    module: "/usr/lib/postgresql/15/bin/postgres",
    roots: [
      "_start",
      "__libc_start_main",
      "main",
      "PostmasterMain",
      "ServerLoop",
      "BackendStartup",
      "PostgresMain",
    ],
    layers: words(
      "exec_simple_query exec_bind_message exec_execute_message",
      "PortalRun PortalRunSelect pg_plan_queries",
      "standard_ExecutorRun ExecutePlan standard_planner",
      "ExecScan ExecHashJoin ExecAgg ExecSort ExecModifyTable subquery_planner grouping_planner query_planner",
      "IndexNext SeqNext ExecHashJoinImpl agg_fill_hash_table tuplesort_performsort ExecInsert make_one_rel",
      "index_getnext_slot heap_getnextslot ExecHashTableInsert LookupTupleHashEntry tuplesort_sort_memtuples heap_insert set_rel_pathlist",
      "btgettuple heapgettup_pagemode ExecHashGetHashValue TupleHashTableHash qsort_tuple XLogInsert add_path",
      "_bt_first _bt_next _bt_search _bt_readpage ReadBufferExtended heap_page_prune_opt hash_bytes slot_deform_heap_tuple comparetup_heap XLogInsertRecord cost_index",
      "_bt_binsrch _bt_compare _bt_checkkeys LWLockAcquire BufTableLookup PinBuffer hash_search_with_hash_value HeapTupleSatisfiesMVCC int4cmp bttextcmp varstr_cmp CopyXLogRecordToWAL",
      "int4eq bpchareq pg_atomic_read_u32_impl UnpinBuffer TransactionIdIsInProgress numeric_add strcoll_l memcmp_avx2_movbe",
    ),
    kernel: 22,
  },
  {
    comm: "node",
    exe: "/usr/bin/node",
    share: 0.27,
    module: "/usr/bin/node",
    roots: [
      "_start",
      "__libc_start_main",
      "node::Start(int, char**)",
      "node::LoadEnvironment",
      "uv_run",
      "uv__io_poll",
      "uv__stream_io",
    ],
    layers: words(
      "node::LibuvStreamWrap::OnUvRead(long,uv_buf_t*) node::StreamResource::EmitRead node::InternalMakeCallback",
      "node::http_parser::Parser::OnStreamRead v8::Function::Call v8::internal::Execution::Call",
      "parserOnIncoming|[jit] emit|[jit] processTicksAndRejections|[jit]",
      "handleRequest|[jit] router.handle|[jit] next|[jit] Layer.handle_request|[jit]",
      "renderToString|[jit] authenticate|[jit] queryOrders|[jit] JSON.stringify|[jit] validateSchema|[jit]",
      "renderElement|[jit] renderChildren|[jit] parseRow|[jit] escapeHtml|[jit] createHash|[jit] serialize|[jit]",
      "v8::internal::JsonStringifier::Serialize v8::internal::Runtime_StringReplace v8::internal::Heap::Scavenge Builtins_ArrayPrototypeMap Builtins_RegExpReplace",
      "v8::internal::String::SlowFlatten v8::internal::ScavengerCollector::CollectGarbage Builtins_KeyedLoadIC_Megamorphic Builtins_StringAdd_CheckNone v8::internal::Scavenger::ScavengeObject",
    ),
    kernel: 14,
  },
  {
    comm: "nginx",
    exe: "/usr/sbin/nginx",
    share: 0.14,
    module: "/usr/sbin/nginx",
    roots: [
      "_start",
      "__libc_start_main",
      "main",
      "ngx_master_process_cycle",
      "ngx_spawn_process",
      "ngx_worker_process_cycle",
    ],
    layers: words(
      "ngx_process_events_and_timers ngx_epoll_process_events ngx_event_process_posted",
      "ngx_http_process_request_line ngx_http_upstream_handler ngx_http_request_handler",
      "ngx_http_core_run_phases ngx_http_upstream_process_header ngx_http_writer ngx_ssl_handshake_handler",
      "ngx_http_output_filter ngx_http_gzip_body_filter SSL_write|/usr/lib/x86_64-linux-gnu/libssl.so.3 SSL_do_handshake|/usr/lib/x86_64-linux-gnu/libssl.so.3 ngx_http_proxy_handler",
      "deflate|/usr/lib/x86_64-linux-gnu/libz.so.1.2.13 aesni_gcm_encrypt|/usr/lib/x86_64-linux-gnu/libcrypto.so.3 ecp_nistz256_point_double|/usr/lib/x86_64-linux-gnu/libcrypto.so.3 ngx_writev_chain ngx_palloc",
      "longest_match|/usr/lib/x86_64-linux-gnu/libz.so.1.2.13 __memmove_avx_unaligned_erms|" + LIBC +
        " bn_mul_mont|/usr/lib/x86_64-linux-gnu/libcrypto.so.3 crc32_z|/usr/lib/x86_64-linux-gnu/libz.so.1.2.13",
    ),
    kernel: 41,
  },
  {
    comm: "python3",
    exe: "/usr/bin/python3.11",
    share: 0.11,
    module: "/usr/bin/python3.11",
    roots: [
      "_start",
      "__libc_start_main",
      "Py_BytesMain",
      "Py_RunMain",
      "pymain_run_module",
      "_PyEval_EvalFrameDefault",
    ],
    layers: words(
      "_PyFunction_Vectorcall method_vectorcall PyObject_Call",
      "_PyEval_EvalFrameDefault _PyObject_MakeTpCall",
      "list_sort_impl dict_merge PyUnicode_Join array_matmul|/usr/lib/python3/dist-packages/numpy/core/_multiarray_umath.so",
      "unicode_hash binarysort lookdict_unicode cblas_dgemm|/usr/lib/x86_64-linux-gnu/libopenblas.so.0 PyObject_RichCompare",
      "dgemm_kernel_HASWELL|/usr/lib/x86_64-linux-gnu/libopenblas.so.0 long_richcompare _Py_dict_lookup gc_collect_main",
    ),
    kernel: 5,
  },
];

const SMALL = ["sshd", "systemd-journal", "containerd", "kubelet", "cron", "dockerd", "rsyslogd", "agetty"];

/** Holds what the fake fleet knows of one machine. */
export interface FleetNode {
  readonly node: string;
  readonly profile: Profile;
}

/** Returns three machines of different size. */
export function fleet(seed = 7): FleetNode[] {
  return ["db-1", "web-1", "web-2"].map((node, i) => {
    return { node, profile: machine(seed + i, { samples: [9000, 5200, 2600][i]!, bias: i === 0 ? 0 : 1 }) };
  });
}

/** Returns the fleet, of which one machine was watched for locks and system calls, too. */
export function fleetOfAllKinds(): FleetNode[] {
  const [first, ...others] = fleet();
  const builder = new ProfileBuilder();
  builder.merge(first!.profile);
  const series = builder.series({ pid: 100, exe: CODES[0]!.exe, comm: "postgres" });
  const stack = (...path: string[]) =>
    builder.stack(
      path.toReversed().map((text) => {
        const [name, module = CODES[0]!.exe] = text.split("|");
        return builder.frame({ function: name!, module, file: "", line: 0, buildId: "", address: 0 });
      }),
    );
  const roots = CODES[0]!.roots;
  for (const site of LOCK_SITES) {
    const [holder] = site.holders;
    builder.addLock({
      outcome: "woken",
      series,
      stack: stack(...roots, ...site.stack.toReversed().map((name) => `${name}|${site.module}`)),
      class: site.class,
      type: site.type,
      holder: holder && { series, stack: stack(...roots, holder.function) },
      count: site.total.count,
      delay: site.total.value,
      max: site.max,
      histogram: [],
    });
  }
  for (const row of SYSCALL_ROWS) {
    const { call, total } = row;
    builder.addSyscall({ ...row, series, count: total.count, total: total.value, open: 0, oldest: 0 });
    builder.add(
      "syscall",
      series,
      stack(...roots, "secure_read", `${call}|${SYSCALL_MODULE}`),
      total.value,
      total.count,
    );
  }
  return [{ ...first!, profile: builder.build() }, ...others];
}

function machine(seed: number, { samples, bias }: { samples: number; bias: number }): Profile {
  const random = randomOf(seed);
  const builder = new ProfileBuilder();
  for (let i = 0; i < samples; i++) {
    const code = bias === 0 || random() < 0.6 ? pickCode(random()) : CODES[1 + i % 2]!;
    const series = builder.series({
      pid: 100 + CODES.indexOf(code!),
      exe: code?.exe ?? "",
      comm: code?.comm ?? small(random()),
    });
    const path = code ? userPath(code, random) : [{ name: "main", module: "/usr/sbin/daemon" }];
    if (!code || random() * 100 < code.kernel) {
      const kernel = KERNEL_PATHS[Math.floor(random() ** 2 * KERNEL_PATHS.length)]!;
      const depth = Math.max(3, Math.ceil(kernel.length * Math.sqrt(random())));
      for (const name of kernel.slice(0, depth)) path.push({ name, module: KERNEL_MODULE });
    }
    const rows = path.toReversed().map(({ name, module }) => {
      return builder.frame({ function: name, module, file: "", line: 0, buildId: "", address: 0 });
    });
    builder.add("cpu", series, builder.stack(rows), NANOSECONDS, 1);
  }
  return builder.build();
}

function userPath(code: Code, random: () => number): { name: string; module: string }[] {
  const path = code.roots.map((name) => ({ name, module: name.startsWith("__libc") ? LIBC : code.module }));
  const depth = Math.ceil(code.layers.length * Math.max(0.35, 1 - random() ** 2.2));
  for (const layer of code.layers.slice(0, depth)) {
    // Each caller has few callees, and one of them takes most of its time.
    const caller = hashOf(path.at(-1)!.name);
    const [name, module = code.module] = layer[(caller + Math.floor(random() ** 3.2 * 3)) % layer.length]!
      .split("|");
    path.push({ name: name!, module });
  }
  return path;
}

function pickCode(at: number): Code | undefined {
  return CODES.find(({ share }) => (at -= share) < 0);
}

function small(at: number): string {
  return SMALL[Math.floor(at * at * SMALL.length)]!;
}

function words(...layers: string[]): string[][] {
  return layers.map((layer) => layer.split(" "));
}

function hashOf(text: string): number {
  let hash = 0;
  for (const char of text) hash = (hash * 31 + char.charCodeAt(0)) % 65_521;
  return hash;
}

/** Returns random numbers by Mulberry32. */
export function randomOf(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = (t + Math.imul(t ^ t >>> 7, 61 | t)) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}

function notHere(): Promise<never> {
  return Promise.reject(new Error("Cannot answer this out of memory"));
}

/** Queries on a fleet in memory, for what stands before storage; the tests of storage have the real one. */
export class FleetQueries implements Queries {
  readonly #fleet: readonly FleetNode[];

  constructor(nodes: readonly FleetNode[]) {
    this.#fleet = nodes;
  }

  /** What the field's protocols ask is asked of an engine, in their own tests. */
  seriesLabels = notHere;
  points = notHere;

  async taggedStacks(selection: Selection) {
    const { profile, ...answer } = await this.stacks(selection);
    const { offset, frame } = profile.stacks;
    const samples = samplesOf(profile, selection.kind);
    const stacks = Array.from(samples.stack, (stack, i) => ({
      frames: Array.from(frame.subarray(offset[stack], offset[stack + 1]), (row) => frameAt(profile, row)),
      tags: {},
      total: { value: samples.value[i]!, count: samples.count[i]! },
    }));
    return { ...answer, stacks };
  }

  tree(selection: Selection, { value = "value", maxNodes = 20_000 }: TreeOptions = {}) {
    const profile = this.#select(selection);
    const graph = flameGraph(profile, { kind: selection.kind as Kind, value, maxNodes });
    return Promise.resolve({
      graph,
      total: totalOf(profile),
      hidden: { value: 0, count: 0 },
      cut: { nodes: 0, total: 0, below: [] },
      cost: NO_COST,
    });
  }

  stacks(selection: Selection) {
    const profile = this.#select(selection);
    return Promise.resolve({
      profile,
      total: totalOf(profile),
      other: { value: 0, count: 0 },
      cost: NO_COST,
    });
  }

  aggregate(selection: Selection, { groupBy = ["function"], limit = 100 }: {
    groupBy?: readonly GroupBy[];
    limit?: number;
  } = {}) {
    const profile = this.#select(selection);
    const rows = leaves(profile, groupBy).toSorted((a, b) => b.self.value - a.self.value);
    return Promise.resolve({
      rows: rows.slice(0, limit),
      total: totalOf(profile),
      other: { value: 0, count: 0 },
      cost: NO_COST,
    });
  }

  diff(base: Selection, compare: Selection) {
    const [first, second] = [totalOf(this.#select(base)), totalOf(this.#select(compare))];
    const row = { function: "main", module: "/bin/demo", baseSelf: first, baseTotal: first };
    return Promise.resolve({
      rows: [{ ...row, compareSelf: second, compareTotal: second }],
      base: first,
      compare: second,
      cost: NO_COST,
    });
  }

  diffTree(base: Selection, compare: Selection) {
    const [before, after] = [base, compare].map((selection) => {
      const profile = this.#select(selection);
      const { value, count } = totalOf(profile);
      const graph = flameGraph(profile, { kind: selection.kind as Kind });
      return { graph, side: { total: value, count } };
    });
    return Promise.resolve({
      graph: bothGraphs(before!.graph, after!.graph),
      base: before!.side,
      compare: after!.side,
      cut: { nodes: 0, total: 0, below: [] },
      cost: NO_COST,
    });
  }

  labelValues(label: AnyLabel, selection: Selection, { limit = 100 }: { limit?: number } = {}) {
    const nodes = this.#fleet.filter(({ node }) => passes(selection, "node", node));
    const values: LabelValue[] = label === "node"
      ? nodes.map(({ node }) => ({
        value: node,
        total: totalOf(
          this.#select({
            ...selection,
            matchers: [...selection.matchers, { label, operator: "=", value: node }],
          }),
        ),
      }))
      : leaves(this.#select(selection), [label]).map(({ group, self }) => ({
        value: group[0]!,
        total: self,
      }));
    const largest = values.filter(({ total }) => total.count > 0)
      .sort((a, b) => b.total.value - a.total.value).slice(0, limit);
    return Promise.resolve({ values: largest, cost: NO_COST });
  }

  lockSites({ idle = false }: Selection, { limit = 50 }: { limit?: number } = {}) {
    const sites = LOCK_SITES.filter((site) => idle || site.class !== "condvar").slice(0, limit);
    const total = sum(sites);
    const hidden = sum(LOCK_SITES.filter((site) => !idle && site.class === "condvar"));
    const none = { value: 0, count: 0 };
    return Promise.resolve({ sites, holders: HOLDER_SITES, total, other: none, hidden, cost: NO_COST });
  }

  syscalls({ idle = false }: Selection, { groupBy = [], limit = 100 }: SyscallsOptions = {}) {
    const rows = SYSCALL_ROWS.filter((row) => idle || row.category !== "wait").slice(0, limit)
      .map((row) => ({ ...row, group: groupBy.map((label) => label === "comm" ? "postgres" : "") }));
    const hidden = sum(SYSCALL_ROWS.filter((row) => !idle && row.category === "wait"));
    return Promise.resolve({ rows, total: sum(rows), other: { value: 0, count: 0 }, hidden, cost: NO_COST });
  }

  callHeatmap(selection: Selection) {
    return Promise.resolve({ from: selection.from, step: 60, columns: [[0, 3, 1]], cost: NO_COST });
  }

  timeline(selection: Selection, { step = 60 }: TimelineOptions = {}) {
    const { value, count } = totalOf(this.#select(selection));
    const lane = { name: "db-1", module: "", rest: false, value: [value], count: [count] };
    return Promise.resolve({ from: selection.from, step, steps: 1, lanes: [lane], cost: NO_COST });
  }

  kinds(selection: Omit<Selection, "kind">) {
    const kinds = KINDS.map((kind) => ({
      kind,
      total: totalOf(this.#select({ ...selection, kind, idle: true })),
    }));
    return Promise.resolve({ kinds: kinds.filter(({ total }) => total.count > 0), cost: NO_COST });
  }

  fleet() {
    const agents = this.#fleet.map(({ node }) => ({
      ...{ node, agentId: node, version: "0.1.0", lastEnd: 1_764_000_010_000, started: 1_764_000_000_000 },
      ...{ runs: 1, batches: 1, values: { cpu: 1 }, losses: {}, stackEnds: { complete: 1 } },
      usage: { cores: 0.0123, memoryBytes: 96 * 2 ** 20 },
    }));
    return Promise.resolve({ agents, cost: NO_COST });
  }

  losses() {
    return Promise.resolve({ losses: {}, stackEnds: {}, batches: 1, agents: 1, cost: NO_COST });
  }

  windows({ from }: TimeRange, { step = 60 }: { step?: number } = {}) {
    return Promise.resolve({ from, step, agents: [3], counted: [16_800], lost: [0], cost: NO_COST });
  }

  builds() {
    return Promise.resolve({ builds: [], cost: NO_COST });
  }

  coverage(selection: Selection) {
    const total = totalOf(this.#select(selection));
    const file = {
      module: "/bin/demo",
      buildId: "abcd",
      nameable: true,
      total,
      unnamed: total,
      withoutLines: total,
    };
    return Promise.resolve({ files: [file], cost: NO_COST });
  }

  store() {
    const table = {
      name: "samples",
      rows: 1,
      bytes: 1,
      parts: 1,
      partitions: 1,
      oldest: 0,
      newest: undefined,
    };
    return Promise.resolve({ tables: [table], disk: { free: 1, total: 2 }, cost: NO_COST });
  }

  batches(): Promise<StoredBatch[]> {
    return Promise.resolve(this.#fleet.map(({ node, profile }) => ({
      agentId: node,
      epoch: "1764000000000000000",
      sequence: 1,
      node,
      start: 1_764_000_000_000,
      end: 1_764_000_010_000,
      samples: totalOf(profile),
      losses: {},
      stackEnds: {},
    })));
  }

  #select(selection: Selection): Profile {
    const builder = new ProfileBuilder();
    for (const { node, profile } of this.#fleet) {
      if (!passes(selection, "node", node)) continue;
      const whole = viewOf(profile, selection.kind as Kind, selection);
      builder.merge({ ...filtered(whole, selection), locks: NO_LOCKS });
    }
    return builder.build();
  }
}

function sum(rows: readonly { readonly total: Total }[]): Total {
  return rows.reduce(
    (all, { total }) => ({ value: all.value + total.value, count: all.count + total.count }),
    { value: 0, count: 0 },
  );
}

function filtered(profile: Profile, selection: Selection): Profile {
  const { samples, series, strings } = profile;
  const keep = samples.kind.map((kind, i) => {
    const comm = strings[series.comm[samples.series[i]!]!]!;
    return kind === KIND_NUMBER[selection.kind as Kind] && passes(selection, "comm", comm) ? 1 : 0;
  });
  const kept = (_: number, i: number) => keep[i] === 1;
  return {
    ...profile,
    samples: {
      kind: samples.kind.filter(kept),
      series: samples.series.filter(kept),
      stack: samples.stack.filter(kept),
      value: samples.value.filter(kept),
      count: samples.count.filter(kept),
    },
  };
}

function passes({ matchers }: Selection, label: Label, value: string): boolean {
  return matchers.every((m) => m.label !== label || (m.value === value) === (m.operator === "="));
}

const NO_COST = { elapsedMs: 1, rowsRead: 0, bytesRead: 0 };

/** Rows by what the leaf, or the series, has of `groupBy`; labels that the fleet does not know are "". */
function leaves(
  { samples, series, stacks, frames, strings }: Profile,
  groupBy: readonly GroupBy[],
): AggregateRow[] {
  const rows = new Map<string, AggregateRow>();
  samples.stack.forEach((stack, i) => {
    const leaf = stacks.frame[stacks.offset[stack]!]!;
    const module = strings[frames.module[leaf]!]!;
    const group = groupBy.map((by) => {
      if (by === "function") return strings[frames.function[leaf]!]!;
      if (by === "module") return module;
      return by === "comm" ? strings[series.comm[samples.series[i]!]!]! : "";
    });
    const before = rows.get(group.join("\0"))?.self ?? { value: 0, count: 0 };
    const self = { value: before.value + samples.value[i]!, count: before.count + samples.count[i]! };
    rows.set(group.join("\0"), {
      group,
      module: groupBy.includes("function") ? module : "",
      self,
      total: self,
    });
  });
  return [...rows.values()];
}
