// SPDX-License-Identifier: Apache-2.0
/**
 * The name of one run of an agent, by which its batches are told from those of its other runs.
 *
 * @module
 */

/** Names this run of the agent: the time in Unix ns, and chance. */
export function newEpoch(): bigint {
  return BigInt(Date.now()) * 1_000_000n + BigInt(Math.floor(Math.random() * 1e6));
}
