// SPDX-License-Identifier: Apache-2.0
/**
 * Has what commands that ask an aggregator do alike.
 *
 * @module
 */

import type { AnswerJson, SelectionJson } from "../../aggregator/http/answers.ts";
import type { Total } from "../../profile/model.ts";
import type { Values } from "../../common/settings.ts";
import { STATUS } from "../command.ts";
import { Rest, SERVER_SETTINGS } from "../ask/rest.ts";
import type { Question } from "../ask/selection.ts";
import { type Io, say } from "../io.ts";
import { range } from "../show/figures.ts";
import { headLine, stagedNotes, surroundings } from "../show/head.ts";

/** Is an answer, as text and as what it says. */
export interface Asked<A> {
  readonly text: string;
  readonly answer: A;
  readonly head: string;
  /** Say what is not in storage yet. */
  readonly notes: readonly string[];
}

/**
 * Asks a question, and for what its head line says beside it.
 *
 * @param ask returns the answer's text
 */
export async function asking<A extends AnswerJson & { readonly total: Total }>(
  { io, rest, question }: { io: Io; rest: Rest; question: Question },
  ask: () => Promise<string>,
): Promise<Asked<A>> {
  const [text, around] = await Promise.all([ask(), surroundings(rest, question)]);
  const answer = JSON.parse(text) as A;
  const { selection, total, quality } = answer;
  const head = headLine({ selection, written: question.written, total, around, now: io.now() });
  return { text, answer, head, notes: stagedNotes(quality) };
}

/** Runs `use` with an aggregator. */
export async function withRest(
  values: Values<typeof SERVER_SETTINGS>,
  io: Io,
  use: (rest: Rest) => Promise<number>,
): Promise<number> {
  using rest = new Rest(values, io.signal);
  return await use(rest);
}

/** Says that a selection has nothing, and returns the exit status for that. */
export async function nothing(
  io: Io,
  { kind, written }: Pick<Question, "kind" | "written">,
  { from, to }: Pick<SelectionJson, "from" | "to">,
): Promise<number> {
  const what = written === "" ? "" : ` of ${written}`;
  const when = range(from, to, io.now());
  await say(io, `No ${kind} data${what}, ${when}: \`aperture status\` says what agents send`);
  return STATUS.noData;
}
