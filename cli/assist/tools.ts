// SPDX-License-Identifier: Apache-2.0
/**
 * Lists what an assistant can ask: each tool is a command with some of its flags.
 *
 * @module
 */

import * as v from "valibot";

/** Is one argument of a tool. */
interface Parameter {
  readonly type: "string" | "integer" | "boolean";
  readonly description: string;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  /** Makes arguments of the command of it. */
  readonly args: (value: string) => readonly string[];
}

/** Is one tool. */
export interface Tool {
  readonly name: string;
  readonly description: string;
  readonly command: readonly string[];
  readonly parameters: Readonly<Record<string, Parameter>>;
  readonly required?: readonly string[];
}

/** So many rows are answered at most, whatever is asked for. */
const MAX_ROWS = 200;

const flag = (name: string) => (value: string) => [`--${name}=${value}`];
const toggled = (name: string) => (value: string) => value === "true" ? [`--${name}`] : [];

const KIND: Parameter = {
  type: "string",
  enum: ["cpu", "lock", "syscall"],
  description: "cpu: time on a CPU; lock: time waited for locks; syscall: time in system calls. Default: cpu",
  args: (value) => [value],
};

const SELECTION: Readonly<Record<string, Parameter>> = {
  selector: {
    type: "string",
    description:
      'Which series: {service="shop", node!="db-1"} or service=shop node!=db-1. Labels: node, namespace, pod, container, service, process, thread, pid, label_NAME; operators =, !=, =~, !~. Default: all',
    args: (value) => value.trim() === "" ? [] : [value],
  },
  since: { type: "string", description: "The last so long: 15m, 6h, 1d. Default: 15m", args: flag("since") },
  from: {
    type: "string",
    description: "In place of since: now-2h or 2026-01-31T12:00:00Z",
    args: flag("from"),
  },
  to: { type: "string", description: "The end: now, now-1h, or RFC 3339. Default: now", args: flag("to") },
};

const IDLE: Parameter = {
  type: "boolean",
  description: "Include threads that have nothing to do: parked pools, condition variables. Default: false",
  args: toggled("idle"),
};

const LIMIT: Parameter = {
  type: "integer",
  minimum: 1,
  maximum: MAX_ROWS,
  description: "So many rows at most; the rest is summed and said. Default: 20",
  args: flag("limit"),
};

/** The tools, in the order in which they are listed. */
export const TOOLS: readonly Tool[] = [
  {
    name: "hottest",
    description:
      "What takes the time: rows of functions, or of any label, with their own (self) and whole (total) share.",
    command: ["query"],
    parameters: {
      kind: KIND,
      ...SELECTION,
      by: {
        type: "string",
        description:
          "Group by these, with commas between: function, module, file, line, process, thread, pod, node, service. Default: function",
        args: flag("by"),
      },
      delta: {
        type: "string",
        description: "Show the change since the same time so long ago, such as 1d",
        args: flag("delta"),
      },
      idle: IDLE,
      limit: LIMIT,
    },
  },
  {
    name: "call_tree",
    description:
      "Stacks as an indented tree with shares: from the process on, or with `callers` who calls one function.",
    command: ["query", "--tree"],
    parameters: {
      kind: KIND,
      ...SELECTION,
      callers: {
        type: "string",
        description: "The exact name of a function: its callers, nearest first",
        args: flag("callers"),
      },
      idle: IDLE,
      limit: LIMIT,
    },
  },
  {
    name: "compare",
    description:
      "Which functions take more or less time than before, beyond the noise of counts. Give before or against.",
    command: ["diff"],
    parameters: {
      kind: KIND,
      ...SELECTION,
      before: {
        type: "string",
        description: "Compare with the time that ended so long before: 0s is the one just before",
        args: flag("before"),
      },
      against: {
        type: "string",
        description: "Compare with the same time so long ago: 1h, 1d, 7d",
        args: flag("against"),
      },
      by: {
        type: "string",
        enum: ["cores", "share", "value"],
        description: "What is compared. Default: cores",
        args: flag("by"),
      },
      limit: LIMIT,
    },
  },
  {
    name: "locks",
    description: "Who waits for which lock, for how long, and which code held it meanwhile.",
    command: ["locks", "--holders"],
    parameters: {
      ...SELECTION,
      stacks: {
        type: "boolean",
        description: "Show where each waiter was called from. Default: false",
        args: toggled("stack"),
      },
      idle: IDLE,
      limit: LIMIT,
    },
  },
  {
    name: "system_calls",
    description: "System calls with rates, latencies (p50, p99, max) and failures.",
    command: ["syscalls"],
    parameters: {
      ...SELECTION,
      by: {
        type: "string",
        description: "Tell calls apart by these labels: process, thread, pod, node",
        args: flag("by"),
      },
      call: {
        type: "string",
        description: "Only these calls, with commas between: read,fsync",
        args: flag("call"),
      },
      errors: {
        type: "string",
        description: "Only calls that failed so: ENOENT, or any",
        args: flag("errors"),
      },
      slower: {
        type: "string",
        description: "Only calls of which some took as long: 1ms",
        args: flag("slower"),
      },
      idle: IDLE,
      limit: LIMIT,
    },
  },
  {
    name: "over_time",
    description:
      "How much in each step of time, for each function or value of a label, as rows of time, name, ns and count.",
    command: ["series", "-o=tsv"],
    parameters: {
      kind: KIND,
      ...SELECTION,
      by: { type: "string", description: "function, process, pod, node, … Default: node", args: flag("by") },
      step: {
        type: "string",
        description: "One row for each so long: 10s, 1m, 1h. Default: 1m",
        args: flag("step"),
      },
      idle: IDLE,
      limit: { ...LIMIT, maximum: 20, description: "So many lines at most; others are one. Default: 7" },
    },
  },
  {
    name: "labels",
    description: "What can be chosen by: without a name the labels, with one its values and what they cost.",
    command: ["labels"],
    parameters: {
      name: {
        type: "string",
        description: "node, namespace, pod, container, service, process, thread, pid",
        args: (value) => [value],
      },
      kind: KIND,
      ...SELECTION,
      limit: LIMIT,
    },
  },
  {
    name: "status",
    description:
      "Whether data are complete: agents with their last window and losses, and whether storage works.",
    command: ["status"],
    parameters: {
      since: { type: "string", description: "Agents of the last so long. Default: 15m", args: flag("since") },
    },
  },
];

/** Returns a tool's arguments as JSON Schema. */
export function schemaOf({ parameters, required = [] }: Tool) {
  const properties = Object.entries(parameters).map(([name, { args: _args, ...schema }]) => [name, schema]);
  return {
    type: "object" as const,
    properties: Object.fromEntries(properties) as Record<string, object>,
    required: [...required],
    additionalProperties: false,
  };
}

/** The arguments of a call make no sense; the message is for the assistant. */
export class ArgumentsError extends Error {
  override name = "ArgumentsError";
}

/**
 * Returns the command line that a call of a tool stands for. Text of an assistant is never a flag: values stand behind
 * `=`, and what would be an argument must not begin with a dash.
 *
 * @throws {ArgumentsError} naming the argument
 */
export function commandLine(
  { command, parameters, name: tool }: Tool,
  given: Readonly<Record<string, unknown>>,
): string[] {
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(parameters, name)) continue;
    throw new ArgumentsError(
      `Unknown argument '${name}' of ${tool}: it is not one of ${Object.keys(parameters).join(", ")}`,
    );
  }
  const line = [...command];
  for (const [name, parameter] of Object.entries(parameters)) {
    const value = given[name];
    if (value === undefined || value === null) continue;
    const parsed = v.safeParse(schemaFor(parameter), value);
    if (!parsed.success) {
      throw new ArgumentsError(
        `Cannot take '${name}' as it is not ${parsed.issues[0].message}: current value is ${
          JSON.stringify(value)
        }`,
      );
    }
    const args = parameter.args(String(parsed.output));
    const flagged = args.find((arg) => arg.startsWith("-") && !arg.startsWith(`--`));
    if (flagged !== undefined || (args[0] === parsed.output && args[0].startsWith("-"))) {
      throw new ArgumentsError(
        `Cannot take '${name}' as it begins with a dash: current value is ${JSON.stringify(value)}`,
      );
    }
    line.push(...args);
  }
  return line;
}

function schemaFor(
  { type, enum: names, minimum = 0, maximum = Infinity }: Parameter,
): v.GenericSchema<unknown, string | number | boolean> {
  if (type === "boolean") return v.boolean("true or false");
  if (type === "string") {
    if (names) return v.picklist(names, `one of ${names.join(", ")}`);
    return v.pipe(v.string("a text"), v.maxLength(4096, "a text of at most 4096 characters"));
  }
  const message = `a number from ${minimum} to ${maximum}`;
  return v.pipe(
    v.number(message),
    v.integer(message),
    v.minValue(minimum, message),
    v.maxValue(maximum, message),
  );
}
