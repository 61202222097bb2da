// SPDX-License-Identifier: Apache-2.0
/**
 * Settings that are environment variables and flags: a flag wins, a wrong value is one line.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import * as v from "valibot";
import { closestWord } from "./closest.ts";

/** One setting: how it is named, read and explained. */
export interface Setting<T> {
  /** It is without dashes: `push-interval`. */
  readonly flag: string;
  /** The environment variable, where there is one. */
  readonly env?: string;
  /** One letter, without the dash. */
  readonly alias?: string;
  /** Stands for the value in the help; "" when the flag takes none. */
  readonly placeholder: string;
  readonly help: string;
  /** It is text, so that the help shows what is parsed; without it the setting may be absent. */
  readonly default?: string;
  /** Text to value; its issue's message completes "as it is not …". */
  readonly schema: v.GenericSchema<string, T>;
}

// deno-lint-ignore no-explicit-any -- a table holds settings of any type
export type Settings = Readonly<Record<string, Setting<any>>>;

type Value<S> = S extends { readonly default: string; readonly schema: v.GenericSchema<string, infer T> } ? T
  : S extends { readonly schema: v.GenericSchema<string, infer T> } ? T | undefined
  : never;

export type Values<S extends Settings> = { readonly [K in keyof S]: Value<S[K]> };

/** A flag, variable or argument that cannot be used; the message is for the user: print it and exit with 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** Writes a table of settings with the type of each kept. */
export function defineSettings<const S extends Settings>(settings: S): S {
  return settings;
}

/** Holds settings, and the arguments that are no flags, in their order. */
export interface Arguments<S extends Settings> {
  readonly values: Values<S>;
  readonly rest: readonly string[];
}

/**
 * Reads `settings` from flags and environment; arguments that are no flags are refused.
 *
 * @throws {UsageError} naming the flag or variable, what it must be, and what it is
 */
export function readSettings<S extends Settings>(
  settings: S,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Values<S> {
  const { values, rest } = readArguments(settings, args, env);
  if (rest.length > 0) throw new UsageError(`Unknown argument '${withoutUser(rest[0]!)}': see --help`);
  return values;
}

/**
 * Reads `settings` from flags and environment, and returns the other arguments.
 *
 * @throws {UsageError} naming the flag or variable, what it must be, and what it is
 */
export function readArguments<S extends Settings>(
  settings: S,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Arguments<S> {
  const all = Object.values(settings);
  const switches = all.filter((s) => s.placeholder === "").map((s) => s.flag);
  const flags = parseArgs(joinDashes(args, all), {
    boolean: switches,
    string: [...all.filter((s) => s.placeholder !== "").map((s) => s.flag), "_"],
    alias: Object.fromEntries(all.flatMap((s) => s.alias ? [[s.flag, s.alias]] : [])),
    unknown(arg) {
      if (!arg.startsWith("-") || arg === "-") return true;
      const shown = arg.split("=", 1)[0]!;
      const meant = closestFlag(shown, all);
      const hint = meant ? `did you mean '${meant}'? See --help` : "see --help";
      throw new UsageError(`Unknown flag '${shown}': ${hint}`);
    },
  });
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(settings)) {
    const flag = flags[setting.flag];
    // A switch that was not given is false to parseArgs; its variable may still say otherwise.
    const given = flag === false || flag === undefined ? undefined : String(flag);
    if (given === "") throw new UsageError(`Missing a value: '--${setting.flag} ${setting.placeholder}'`);
    const fromEnv = setting.env === undefined ? undefined : env[setting.env] || undefined;
    const text = given ?? fromEnv ?? setting.default;
    if (text === undefined) continue;
    const parsed = v.safeParse(setting.schema, text);
    if (!parsed.success) {
      const name = given === undefined && fromEnv !== undefined ? setting.env : `--${setting.flag}`;
      throw new UsageError(
        `Cannot parse '${name}' as it is not ${parsed.issues[0].message}: current value is "${
          withoutUser(text)
        }"`,
      );
    }
    values[key] = parsed.output;
  }
  return { values: values as Values<S>, rest: flags._.map(String) };
}

/** Returns the flag that someone may have meant by `text`. */
function closestFlag(text: string, settings: readonly Setting<unknown>[]): string | undefined {
  const name = text.replace(/^-+/, "");
  const flags = settings.map(({ flag }) => flag);
  const meant = closestWord(name, flags) ?? flags.find((flag) => name.length > 2 && flag.startsWith(name));
  return meant === undefined ? undefined : `--${meant}`;
}

/**
 * Returns URLs without names and passwords; up to the last @, as what is no URL may have a password with a slash in it.
 */
function withoutUser(text: string): string {
  return text.replaceAll(/(?<=^|\s)([a-z][a-z0-9+.-]*:\/\/)?\S*@/gi, "$1***@");
}

/**
 * Writes `--flag -` as `--flag=-`, and `--flag -15m` as `--flag=-15m`: to parseArgs both are flags, to users of a tool
 * standard output, and a number.
 */
function joinDashes(args: readonly string[], settings: readonly Setting<unknown>[]): string[] {
  const valued = new Set(
    settings.filter((s) => s.placeholder !== "").flatMap((
      s,
    ) => [`--${s.flag}`, ...s.alias ? [`-${s.alias}`] : []]),
  );
  const joined: string[] = [];
  for (const [i, arg] of args.entries()) {
    // What stands behind it is another program's.
    if (arg === "--") return [...joined, ...args.slice(i)];
    const last = joined.at(-1);
    if ((arg === "-" || /^-\d/.test(arg)) && last !== undefined && valued.has(last)) {
      joined[joined.length - 1] = `${last}=${arg}`;
    } else joined.push(arg);
  }
  return joined;
}

/** Columns of the help. */
const HELP_WIDTH = 110;

/** Returns the help's table of `settings`: flag, variable, default and meaning, in lines of at most 110 columns. */
export function describeSettings(settings: Settings): string {
  const rows = Object.values(settings).map((s) => {
    const alias = s.alias ? `-${s.alias}, ` : "    ";
    const notes = [s.default ? `default: ${s.default}` : "", s.env ?? ""].filter(Boolean).join("; ");
    return [`  ${alias}--${s.flag} ${s.placeholder}`.trimEnd(), s.help + (notes && ` [${notes}]`)] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  const below = `\n${" ".repeat(width)}`;
  return rows.map(([left, right]) => left.padEnd(width) + wrapped(right, HELP_WIDTH - width).join(below))
    .join("\n");
}

/** Returns the words of `text` in lines of at most `width` columns; a longer word has one of its own. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}

/** Takes a whole number from `min` to `max`. */
export function integer(min: number, max: number): v.GenericSchema<string, number> {
  const message = `a number from ${min} to ${max}`;
  return v.pipe(
    v.string(),
    v.regex(/^-?\d+$/, message),
    v.transform(Number),
    v.minValue(min, message),
    v.maxValue(max, message),
  );
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * Takes a duration like `500ms`, `10s`, `1m30s`, `7d`, in milliseconds.
 *
 * @param options.seconds whether a number alone is one of seconds, as for sleep(1)
 */
export function duration(
  minMs: number,
  maxMs = 365 * UNIT_MS["d"]!,
  { seconds = false }: { seconds?: boolean } = {},
): v.GenericSchema<string, number> {
  const message = `a duration like 500ms, 10s or 1m30s, at least ${minMs} ms`;
  const format = seconds ? /^(\d+(\.\d+)?|(\d+(\.\d+)?(ms|s|m|h|d))+)$/ : /^(\d+(\.\d+)?(ms|s|m|h|d))+$/;
  return v.pipe(
    v.string(),
    v.regex(format, message),
    v.transform((text) => {
      return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d|$)/g)]
        .reduce((sum, [, amount, unit]) => sum + Number(amount) * UNIT_MS[unit || "s"]!, 0);
    }),
    v.minValue(minMs, message),
    v.maxValue(maxMs, `a duration of at most ${maxMs} ms`),
  );
}

const UNIT_BYTES: Readonly<Record<string, number>> = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };

/** Takes a size like `64MiB`, `512K` or a number of bytes, in bytes. */
export function bytes(min: number, max = Number.MAX_SAFE_INTEGER): v.GenericSchema<string, number> {
  const message = `a size like 64MiB, at least ${min} bytes`;
  return v.pipe(
    v.string(),
    v.regex(/^\d+([KMG](i?B)?)?$/, message),
    v.transform((text) => parseInt(text) * UNIT_BYTES[/[KMG]/.exec(text)?.[0] ?? ""]!),
    v.minValue(min, message),
    v.maxValue(max, `a size of at most ${max} bytes`),
  );
}

/** Says where a server listens. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
}

/** Takes `host:port`, `[v6]:port` or `:port`; port 0 takes a free one. */
export function address(): v.GenericSchema<string, Address> {
  const message = "an address like 0.0.0.0:9090";
  return v.pipe(
    v.string(),
    v.regex(/^(\[[0-9a-fA-F:]+\]|[^:\s]*):\d{1,5}$/, message),
    v.transform((text) => {
      const at = text.lastIndexOf(":");
      return {
        hostname: text.slice(0, at).replace(/^\[|\]$/g, "") || "0.0.0.0",
        port: Number(text.slice(at + 1)),
      };
    }),
    v.check(({ port }) => port <= 65_535, message),
  );
}

/** Takes an http or https URL. */
export function httpUrl(): v.GenericSchema<string, URL> {
  const message = "a URL like http://host:8123";
  return v.pipe(
    v.string(),
    v.check((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), message),
    v.transform((text) => new URL(text)),
  );
}

/**
 * Takes http or https URLs with white space between them, as in `DEBUGINFOD_URLS`. Its words about signatures
 * (`ima:enforcing`) are passed over.
 */
export function httpUrls(): v.GenericSchema<string, readonly URL[]> {
  const message = "a list of URLs like http://host:8002 https://other";
  const isUrl = (text: string) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
  return v.pipe(
    v.string(),
    v.transform((text) => text.split(/\s+/).filter((word) => word !== "" && !word.startsWith("ima:"))),
    v.check((words) => words.every(isUrl), message),
    v.transform((words) => words.map((word) => new URL(word))),
  );
}

/** Takes text that is not empty. */
export function text(): v.GenericSchema<string, string> {
  return v.pipe(v.string(), v.minLength(1, "a text"));
}

/** Takes names with commas between them, such as `app,team`. */
export function names(): v.GenericSchema<string, readonly string[]> {
  const message = "a list of names like app,team";
  return v.pipe(
    v.string(),
    v.regex(/^[^\s,=]+(,[^\s,=]+)*$/, message),
    v.transform((text) => text.split(",")),
  );
}

/** Takes a file or folder, made absolute by `resolve`; `as` are names that stand for something else, such as "-". */
export function path(
  resolve: (path: string) => string,
  { as = [] }: { as?: readonly string[] } = {},
): v.GenericSchema<string, string> {
  return v.pipe(
    v.string(),
    v.minLength(1, "a path"),
    v.check((text) => !text.includes("\0"), "a path"),
    v.transform((text) => as.includes(text) ? text : resolve(text)),
  );
}

/** Takes one of `names`. */
export function oneOf<const T extends string>(names: readonly T[]): v.GenericSchema<string, T> {
  return v.picklist(names, `one of ${names.join(", ")}`) as unknown as v.GenericSchema<string, T>;
}

/** Takes some of `names` with commas between them, in their order, or `all`. */
export function someOf<const T extends string>(names: readonly T[]): v.GenericSchema<string, readonly T[]> {
  const message = `some of ${names.join(", ")} with commas between them, or all`;
  const isName = (text: string): text is T => (names as readonly string[]).includes(text);
  return v.pipe(
    v.string(),
    v.transform((text) => text === "all" ? names : text.split(",")),
    v.check((words) => words.every(isName), message),
    v.transform((words) => names.filter((name) => (words as readonly string[]).includes(name))),
  );
}

/** Is for flags without a value, and variables that are `true`, `1`, `false` or `0`. */
export function toggle(): v.GenericSchema<string, boolean> {
  return v.pipe(
    v.picklist(["true", "1", "false", "0"], "true or false"),
    v.transform((text) => text === "true" || text === "1"),
  ) as unknown as v.GenericSchema<string, boolean>;
}
