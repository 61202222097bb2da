// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what REST asks of alerts.
 *
 * @module
 */

import type { Alert } from "./alert.ts";
import type { Judged } from "./evaluate.ts";
import type { MeasuredGroups } from "./measure.ts";
import type { Change, ChangesOptions } from "./outcomes.ts";
import type { Rule } from "./rule.ts";
import type { ListedRule } from "./rule_book.ts";
import type { Silence } from "./silences.ts";

/** Is alerts as REST sees them. */
export interface AlertsApi {
  /** Returns all rules. @throws {StorageError} */
  rules(signal: AbortSignal): Promise<readonly ListedRule[]>;
  /** Returns the alerts that are pending or firing, and the silences. @throws {StorageError} */
  state(
    signal: AbortSignal,
  ): Promise<{ readonly alerts: readonly Alert[]; readonly silences: readonly Silence[] }>;
  /** Returns changes, the newest first. @throws {StorageError} */
  history(options: ChangesOptions, signal: AbortSignal): Promise<readonly Change[]>;
  /** Adds a rule. @throws {RuleBookError | StorageError} */
  create(rule: Rule): Promise<void>;
  /** Puts `rule` in place of the one called `name`. @throws {RuleBookError | StorageError} */
  change(name: string, rule: Rule): Promise<void>;
  /** Removes a rule. @throws {RuleBookError | StorageError} */
  remove(name: string): Promise<void>;
  /** Returns the rule of this name. @throws {RuleBookError | StorageError} */
  rule(name: string, signal?: AbortSignal): Promise<ListedRule>;
  /** Measures a rule now; no alert begins or ends, and nobody is told. @throws {StorageError} */
  evaluate(
    rule: Rule,
    signal: AbortSignal,
  ): Promise<Omit<MeasuredGroups, "groups"> & { readonly groups: readonly Judged[] }>;
  /** Writes a silence, or another end for one. @throws {StorageError} */
  silence(silence: Silence): Promise<void>;
}
