// SPDX-License-Identifier: Apache-2.0
/**
 * Reads the names that HotSpot gives Java methods in a perf map (`jcmd PID Compiler.perfmap`,
 * `-XX:+DumpPerfMapAtExit`).
 *
 * @module
 */

import type { NameStyle } from "../../../symbols/names/name_style.ts";

/** Return type, class and method, parameters, as `Method::external_name` writes them. */
const NAME = /^[^\s()]+ ([^\s()]+\.[^\s().]+)(\([^()]*\))$/;
/** The address of a hidden class, and the number of lambdas before it, which differ from run to run. */
const HIDDEN = /(?:(?<=\$\$Lambda)\$\d+)?\/0x[0-9a-f]+/g;

/**
 * Returns the name of a Java method without its return type; `undefined` when it is none: an adapter, the interpreter.
 */
export function javaName(name: string, style: NameStyle): string | undefined {
  const [, method, parameters] = NAME.exec(name) ?? [];
  if (method === undefined) return undefined;
  return (style === "full" ? method + parameters : method).replaceAll(HIDDEN, "");
}
