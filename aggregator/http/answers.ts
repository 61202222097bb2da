// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what REST answers, as JSON: one type for each answer, which the routes write and the page reads.
 *
 * @module
 */

import type { DiffGraph } from "../../profile/diff_graph.ts";
import type { FlameGraph } from "../../profile/flame.ts";
import type { Total } from "../../profile/model.ts";
import type { Label } from "../../profile/labels.ts";
import type { RuleJson } from "../alerts/rule.ts";
import type { HolderSite, LockSite, SlowCalls, SyscallRow } from "../query/types.ts";

/** Says what was asked for, its times resolved (RFC 3339). */
export interface SelectionJson {
  /** Is a kind of the agent, or a type of profile, see `profile/profile_type.ts`. */
  readonly kind: string;
  readonly from: string;
  readonly to: string;
  readonly match: string;
  readonly idle: boolean;
}

export interface CostJson {
  readonly elapsed_ms: number;
  readonly rows_read: number;
  readonly bytes_read: number;
}

/** Says how far an answer can be trusted. */
export interface QualityJson {
  /** Holds what agents could not count in the selection's time, by reason. */
  readonly losses: Readonly<Record<string, number>>;
  /** Counts batches that were taken and are not in storage yet: the last seconds are missing while there are any. */
  readonly staged: number;
}

/** Has what each answer about a selection has. */
export interface AnswerJson {
  readonly selection: SelectionJson;
  readonly cost: CostJson;
  readonly quality: QualityJson;
}

export interface FlameJson extends AnswerJson {
  readonly total: Total;
  readonly hidden: Total;
  /**
   * Counts boxes that were cut. `below` has a name for each box `other`, level by level: as `under` it asks for what
   * was cut there.
   */
  readonly cut: { readonly nodes: number; readonly total: number; readonly below: readonly string[] };
  readonly graph: FlameGraph;
}

export interface TopJson extends AnswerJson {
  readonly rows: readonly {
    readonly function: string;
    readonly module: string;
    readonly self: Total;
    readonly total: Total;
  }[];
  readonly total: Total;
  readonly other: Total;
}

export interface LabelNamesJson {
  readonly labels: readonly Label[];
}

export interface LabelValuesJson {
  readonly selection: SelectionJson;
  readonly label: string;
  readonly values: readonly { readonly value: string; readonly total: Total }[];
  readonly cost: CostJson;
}

export interface SeriesJson extends AnswerJson {
  readonly series: readonly { readonly labels: Readonly<Record<string, string>>; readonly total: Total }[];
  readonly total: Total;
  readonly other: Total;
}

export interface AggregateJson extends AnswerJson {
  readonly group_by: readonly string[];
  readonly rows: readonly {
    readonly group: readonly string[];
    readonly module: string;
    readonly self: Total;
    readonly total: Total;
  }[];
  readonly total: Total;
  readonly other: Total;
}

export interface DiffJson {
  readonly base: { readonly selection: SelectionJson; readonly total: Total };
  readonly compare: { readonly selection: SelectionJson; readonly total: Total };
  readonly rows: readonly {
    readonly function: string;
    readonly module: string;
    readonly base_self: Total;
    readonly base_total: Total;
    readonly compare_self: Total;
    readonly compare_total: Total;
  }[];
  readonly cost: CostJson;
}

/** Holds both selections as one tree: boxes are as wide as both sides together. */
export interface DiffFlameJson {
  readonly base: { readonly selection: SelectionJson; readonly total: number };
  readonly compare: { readonly selection: SelectionJson; readonly total: number };
  /** Is as a flame graph's; the total is of both sides. */
  readonly cut: FlameJson["cut"];
  readonly graph: DiffGraph;
  readonly cost: CostJson;
}

/** Holds waits for locks; times in ns. */
export interface LocksJson extends AnswerJson {
  readonly sites: readonly (Omit<LockSite, "otherHolders"> & { readonly other_holders: Total })[];
  readonly holders: readonly HolderSite[];
  readonly total: Total;
  readonly other: Total;
  /** Is the sum of what is left out as it is idle. */
  readonly hidden: Total;
}

/** Holds system calls; times in ns. */
export interface SyscallsJson extends AnswerJson {
  readonly group_by: readonly string[];
  readonly rows: readonly (Omit<SyscallRow, "errors" | "slow"> & {
    /** Counts failures by the errors' names, the most frequent first. */
    readonly errors: Readonly<Record<string, number>>;
    readonly slow: Omit<SlowCalls, "onCpu" | "inLock" | "otherObjects"> & {
      readonly on_cpu: number;
      readonly in_lock: number;
      readonly other_objects: Total;
    };
    /** Is the number of calls a second of the selection's whole time. */
    readonly rate: number;
  })[];
  readonly total: Total;
  readonly other: Total;
  /** Is the sum of what is left out as it is idle. */
  readonly hidden: Total;
}

export interface HeatmapJson extends AnswerJson {
  /** Says when the first step begins, and how many seconds each has. */
  readonly from: string;
  readonly step: number;
  /** Says for each step how many calls took from 2^i up to 2^(i+1) ns, at index i. */
  readonly columns: readonly (readonly number[])[];
}

export interface TimelineJson extends AnswerJson {
  readonly by: string;
  readonly from: string;
  readonly step: number;
  /** Holds the lanes, the largest first; the one of all others is last, and `rest`. */
  readonly lanes: readonly {
    readonly name: string;
    readonly module: string;
    readonly rest: boolean;
    readonly value: readonly number[];
    readonly count: readonly number[];
  }[];
}

export interface KindsJson {
  readonly kinds: readonly { readonly kind: string; readonly total: Total }[];
  readonly cost: CostJson;
}

export interface FleetJson {
  readonly agents: readonly {
    readonly node: string;
    readonly agent_id: string;
    readonly version: string;
    readonly started: string;
    readonly last_end: string;
    readonly runs: number;
    readonly batches: number;
    readonly values: Readonly<Record<string, number>>;
    readonly losses: Readonly<Record<string, number>>;
    readonly stack_ends: Readonly<Record<string, number>>;
  }[];
  readonly cost: CostJson;
}

export interface WindowsJson {
  readonly from: string;
  readonly step: number;
  /** Has for each step the agents that sent windows, and the events that they counted and lost. */
  readonly agents: readonly number[];
  readonly counted: readonly number[];
  readonly lost: readonly number[];
  readonly cost: CostJson;
}

export interface BuildsJson {
  readonly builds: readonly {
    readonly module: string;
    readonly build_id: string;
    readonly first: string;
    readonly last: string;
  }[];
  readonly cost: CostJson;
}

/** Says what the page must know of its aggregator. */
export interface AboutJson {
  readonly version: string;
  /** Is where a line of source code can be read, with `{file}`, `{line}` and `{build_id}` to fill in; `null` for none. */
  readonly source_url: string | null;
  /** Is the port that agents push to. */
  readonly ingest_port: number;
}

export interface CoverageJson extends AnswerJson {
  readonly files: readonly {
    readonly module: string;
    readonly build_id: string;
    readonly nameable: boolean;
    readonly total: Total;
    readonly unnamed: Total;
    readonly without_lines: Total;
  }[];
}

export interface StoreJson {
  readonly tables: readonly {
    readonly name: string;
    readonly rows: number;
    readonly bytes: number;
    readonly parts: number;
    readonly partitions: number;
    readonly oldest: string | null;
    readonly newest: string | null;
  }[];
  readonly disk: { readonly free: number; readonly total: number };
  readonly cost: CostJson;
}

/** Is a debug file whose names are in storage. */
export interface DebugFileJson {
  readonly build_id: string;
  /** Says how good its best names are: 1 dynamic symbols, 2 a symbol table, 3 debug information. */
  readonly rank: number;
  readonly source: "upload" | "debuginfod";
  /** Counts ranges of addresses that have names. */
  readonly ranges: number;
}

export interface SymbolsJson {
  readonly files: readonly DebugFileJson[];
}

export interface SymbolsUploadJson {
  readonly file: DebugFileJson;
  /** Counts locations in storage that have better names now. */
  readonly named: number;
}

export interface ProblemJson {
  readonly part: "buffer" | "storage";
  readonly message: string;
}

export interface ReadinessJson {
  readonly status: "ready" | "not_ready";
  readonly problems: readonly ProblemJson[];
}

export interface HealthJson {
  readonly status: "ok" | "degraded";
  readonly version: string;
  readonly uptime_seconds: number;
  readonly push_total_ok: number;
  readonly push_total_error: number;
  readonly buffer: {
    readonly batches: number;
    readonly bytes: number;
    readonly capacity_batches: number;
    readonly capacity_bytes: number;
    readonly quarantined_batches: number;
  };
  readonly storage: {
    readonly mode: "embedded" | "server";
    readonly pending_rows: number;
    readonly failing_since: string | null;
    readonly failing_error: string | null;
  };
  readonly problems: readonly ProblemJson[];
}

/** Describes a batch that waits for storage; times in RFC 3339. */
export interface StagedBatchJson {
  readonly agent_id: string;
  readonly epoch: string;
  readonly sequence: number;
  readonly node: string;
  readonly start: string;
  readonly end: string;
  readonly received: string;
  readonly samples: number;
  readonly size_bytes: number;
}

export interface StoredBatchJson {
  readonly agent_id: string;
  readonly epoch: string;
  readonly sequence: number;
  readonly node: string;
  readonly start: string;
  readonly end: string;
  readonly samples: Total;
  readonly losses: Readonly<Record<string, number>>;
  readonly stack_ends: Readonly<Record<string, number>>;
}

export interface BatchesJson {
  readonly staged_total: number;
  readonly staged: readonly StagedBatchJson[];
  readonly stored: readonly StoredBatchJson[];
}

export interface QuarantineJson {
  readonly quarantined: readonly (StagedBatchJson & {
    readonly error: string;
    readonly since: string;
    readonly version: string;
  })[];
}

/** Is a rule, and where it is from: one of the file is changed there. */
export interface ListedRuleJson {
  readonly source: "file" | "api";
  readonly rule: RuleJson;
}

/** Is an alert; times in RFC 3339, `null` for what has not happened. */
export interface AlertJson {
  readonly rule: string;
  readonly state: "pending" | "firing" | "resolved" | "ended";
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** Opens the page at what was measured. */
  readonly url: string;
  readonly started: string;
  readonly fired: string | null;
  readonly seen: string;
  readonly cleared: string | null;
  /** Is `null` for infinitely more than before. */
  readonly value: number | null;
  readonly samples: number;
  readonly silenced: boolean;
}

export interface SilenceJson {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly comment: string;
  readonly until: string;
}

export interface AlertsJson {
  readonly rules: readonly ListedRuleJson[];
  readonly alerts: readonly AlertJson[];
  readonly silences: readonly SilenceJson[];
}

export interface AlertHistoryJson {
  /** Holds the changes, the newest first. */
  readonly changes: readonly {
    readonly at: string;
    readonly alert: AlertJson;
  }[];
}

/** Is what was measured, and how far chance may have moved it. */
export interface EstimateJson {
  readonly value: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** Is `null` for figures that are not made of samples. */
  readonly samples: number | null;
}

export interface AlertEvaluationJson {
  readonly rule: RuleJson;
  readonly from: string;
  readonly to: string;
  readonly groups: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly verdict: "over" | "under" | "unknown";
    /** Is compared with the threshold. */
    readonly compared: EstimateJson;
    readonly now: EstimateJson;
    /** Is the same so much earlier, where the rule has a baseline. */
    readonly before: EstimateJson | null;
  }[];
  /** Counts groups beyond the rule's bound. */
  readonly cut: number;
}

/** Gives each route the answer it has; docs/openapi.json describes the same. */
export interface Answers {
  "GET /readyz": ReadinessJson;
  "GET /api/health": HealthJson;
  "GET /api/batches": BatchesJson | QuarantineJson;
  "GET /api/flamegraph": FlameJson;
  "GET /api/top": TopJson;
  "GET /api/labels": LabelNamesJson | LabelValuesJson;
  "GET /api/series": SeriesJson;
  "POST /api/aggregate": AggregateJson;
  "POST /api/diff": DiffJson;
  "POST /api/diff/flamegraph": DiffFlameJson;
  "GET /api/locks": LocksJson;
  "GET /api/syscalls": SyscallsJson;
  "GET /api/syscalls/heatmap": HeatmapJson;
  "GET /api/timeline": TimelineJson;
  "GET /api/kinds": KindsJson;
  "GET /api/fleet": FleetJson;
  "GET /api/coverage": CoverageJson;
  "GET /api/windows": WindowsJson;
  "GET /api/builds": BuildsJson;
  "GET /api/store": StoreJson;
  "GET /api/about": AboutJson;
  "GET /api/alerts": AlertsJson;
  "POST /api/alerts": ListedRuleJson;
  "PUT /api/alerts": ListedRuleJson;
  "DELETE /api/alerts": ListedRuleJson;
  "POST /api/alerts/toggle": ListedRuleJson;
  "GET /api/alerts/history": AlertHistoryJson;
  "POST /api/alerts/silence": SilenceJson;
  "POST /api/alerts/evaluate": AlertEvaluationJson;
  "GET /api/symbols": SymbolsJson;
  "POST /api/symbols": SymbolsUploadJson;
}
