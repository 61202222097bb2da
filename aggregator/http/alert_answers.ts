// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what REST answers of alerts and their rules.
 *
 * @module
 */

import type { RuleJson } from "../alerts/rule.ts";

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
