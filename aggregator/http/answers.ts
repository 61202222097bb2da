// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what REST answers, as JSON: one type for each answer, which the routes write and the page reads.
 *
 * @module
 */

import type {
  AlertEvaluationJson,
  AlertHistoryJson,
  AlertsJson,
  ListedRuleJson,
  SilenceJson,
} from "./alert_answers.ts";
import type {
  BuildsJson,
  CoverageJson,
  FleetJson,
  StoreJson,
  SymbolsJson,
  SymbolsUploadJson,
  WindowsJson,
} from "./fleet_answers.ts";
import type {
  AggregateJson,
  DiffFlameJson,
  DiffJson,
  FlameJson,
  KindsJson,
  LabelNamesJson,
  LabelValuesJson,
  SeriesJson,
  TimelineJson,
  TopJson,
} from "./profile_answers.ts";
import type { AboutJson, BatchesJson, HealthJson, QuarantineJson, ReadinessJson } from "./status_answers.ts";
import type { HeatmapJson, LocksJson, SyscallsJson } from "./wait_answers.ts";

export type * from "./answer_parts.ts";
export type * from "./profile_answers.ts";
export type * from "./wait_answers.ts";
export type * from "./fleet_answers.ts";
export type * from "./status_answers.ts";
export type * from "./alert_answers.ts";

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
