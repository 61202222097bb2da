// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what answers of REST have in common.
 *
 * @module
 */

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
