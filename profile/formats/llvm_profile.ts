// SPDX-License-Identifier: Apache-2.0
/**
 * Writes LLVM's text format of sample profiles, which `clang -fprofile-sample-use=FILE` takes.
 *
 * The format: https://clang.llvm.org/docs/UsersManual.html#sample-profile-text-format
 *
 * @module
 */

import type { Frame } from "../model.ts";
import { chainsOf, type CountedStack, hasPlace } from "./call_sites.ts";

export interface CompilerProfile {
  readonly text: string;
  /** Counts the samples whose leaf has a place that the compiler finds again; `total` counts all. */
  readonly used: number;
  readonly total: number;
}

/** Is a function, or one that is inlined in another at one line. */
interface Body {
  total: number;
  /** Counts calls that were seen. */
  head: number;
  readonly lines: Map<number, { count: number; readonly targets: Map<string, number> }>;
  readonly inlined: Map<string, { readonly offset: number; readonly name: string; readonly body: Body }>;
}

/** Names that are not their symbol (those of C++ are shown as people write them) are nothing to the compiler. */
const SYMBOL = /^[A-Za-z_$.][\w$.]*$/;
/** The format has so many bits for the distance from a function's first line. */
const MAX_OFFSET = 0xffff;

/** Returns the profile of `stacks`. Samples count where their leaf is; calls are those of all of a stack. */
export function llvmProfile(stacks: Iterable<CountedStack>): CompilerProfile {
  const functions = new Map<string, Body>();
  let [used, total] = [0, 0];
  for (const { frames, count } of stacks) {
    total += count;
    const chains = chainsOf(frames);
    const [leaf] = chains;
    // A leaf in the kernel is no line of the caller's, whose call it is.
    const isOwn = frames[0] !== undefined && leaf?.[0] === frames[0];
    chains.forEach((chain, i) => {
      if (!chain.every(isUsable)) return;
      const body = bodyOf(functions, chain, i === 0 && isOwn ? count : 0);
      const line = lineOf(body, chain[0]);
      const callee = i > 0 ? chains[i - 1]!.at(-1)! : undefined;
      if (i === 0 && isOwn) {
        line.count += count;
        used += count;
      } else if (callee && SYMBOL.test(callee.function)) {
        line.targets.set(callee.function, (line.targets.get(callee.function) ?? 0) + count);
        functionOf(functions, callee.function).head += count;
      }
    });
  }
  const known = [...functions].filter(([, { total }]) => total > 0)
    .sort(([a, { total: x }], [b, { total: y }]) => y - x || (a < b ? -1 : 1));
  return { text: known.map(([name, body]) => write(name, body)).join(""), used, total };
}

function isUsable(frame: Frame): boolean {
  return hasPlace(frame) && SYMBOL.test(frame.function) && offsetOf(frame) <= MAX_OFFSET;
}

function offsetOf({ line, startLine = 0 }: Frame): number {
  return line - startLine;
}

function emptyBody(): Body {
  return { total: 0, head: 0, lines: new Map(), inlined: new Map() };
}

function functionOf(functions: Map<string, Body>, name: string): Body {
  const body = functions.get(name) ?? emptyBody();
  functions.set(name, body);
  return body;
}

/** Returns the body of the innermost function of `chain`, after `count` samples were added to all around it. */
function bodyOf(functions: Map<string, Body>, chain: readonly Frame[], count: number): Body {
  let body = functionOf(functions, chain.at(-1)!.function);
  body.total += count;
  for (let i = chain.length - 1; i > 0; i--) {
    const offset = offsetOf(chain[i]!);
    const name = chain[i - 1]!.function;
    const key = `${offset} ${name}`;
    const inner = body.inlined.get(key) ?? { offset, name, body: emptyBody() };
    body.inlined.set(key, inner);
    body = inner.body;
    body.total += count;
  }
  return body;
}

function lineOf({ lines }: Body, frame: Frame) {
  const offset = offsetOf(frame);
  const line = lines.get(offset) ?? { count: 0, targets: new Map<string, number>() };
  lines.set(offset, line);
  return line;
}

function write(name: string, { total, head, lines, inlined }: Body): string {
  return `${name}:${total}:${head}\n${writeBody({ lines, inlined }, " ")}`;
}

function writeBody({ lines, inlined }: Pick<Body, "lines" | "inlined">, indent: string): string {
  const own = [...lines].sort(([a], [b]) => a - b).map(([offset, { count, targets }]) => {
    const calls = [...targets].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
      .map(([target, times]) => ` ${target}:${times}`);
    return `${indent}${offset}: ${count}${calls.join("")}\n`;
  });
  const inner = [...inlined.values()].filter(({ body }) => body.total > 0)
    .sort((a, b) => a.offset - b.offset || (a.name < b.name ? -1 : 1)).map(({ offset, name, body }) =>
      `${indent}${offset}: ${name}:${body.total}\n${writeBody(body, indent + " ")}`
    );
  return own.join("") + inner.join("");
}
