// SPDX-License-Identifier: Apache-2.0
/**
 * The agent's settings.
 *
 * @module
 */

import {
  address,
  bytes,
  defineSettings,
  describeSettings,
  duration,
  httpUrl,
  httpUrls,
  integer,
  names,
  oneOf,
  path,
  readSettings,
  someOf,
  text,
  toggle,
  UsageError,
  type Values,
} from "../common/settings.ts";
import { COMMON_SETTINGS } from "../common/common_settings.ts";
import { OTLP_SETTINGS } from "../profile/otlp/settings.ts";
import { RELABEL_SETTINGS } from "../common/relabel_setting.ts";
import { userPath } from "../common/main.ts";
import { SERVICE_ACCOUNT } from "./metadata/kube/client.ts";
import { NAME_STYLES } from "../symbols/names/name_style.ts";
import { KINDS } from "../profile/model.ts";

export const AGENT_SETTINGS = defineSettings({
  mode: {
    flag: "mode",
    alias: "m",
    env: "APERTURE_MODE",
    placeholder: "MODE",
    help: "What to watch: some of cpu, lock and syscall with commas between them, or all",
    default: "cpu",
    schema: someOf(KINDS),
  },
  freq: {
    flag: "freq",
    alias: "F",
    env: "APERTURE_FREQ",
    placeholder: "HZ",
    help: "CPU samples a second on each CPU",
    default: "99",
    schema: integer(1, 1000),
  },
  captureFreq: {
    flag: "capture-freq",
    env: "APERTURE_CAPTURE_FREQ",
    placeholder: "HZ",
    help:
      "While an alert is there, the aggregator may ask for so many CPU samples a second and all labels of pods, ten minutes of an hour; without it, it may not",
    schema: integer(1, 1000),
  },
  syscallSlow: {
    flag: "syscall-slow",
    env: "APERTURE_SYSCALL_SLOW",
    placeholder: "TIME",
    help: "System calls that take as long keep their stack, and a sample of the others",
    default: "1ms",
    schema: duration(0, 3_600_000),
  },
  includeIdle: {
    flag: "include-idle",
    env: "APERTURE_INCLUDE_IDLE",
    placeholder: "",
    help: "Show what idle threads wait for, too; it is pushed, and in .json, either way",
    schema: toggle(),
  },
  includeSelf: {
    flag: "include-self",
    env: "APERTURE_INCLUDE_SELF",
    placeholder: "",
    help: "Watch the agent itself, too",
    schema: toggle(),
  },
  pid: {
    flag: "pid",
    alias: "p",
    env: "APERTURE_PID",
    placeholder: "PID",
    help: "Only this process, or that of this thread",
    schema: integer(1, 4_194_304),
  },
  comm: {
    flag: "comm",
    alias: "c",
    placeholder: "NAME",
    help: "Only the process of this name",
    schema: text(),
  },
  duration: {
    flag: "duration",
    alias: "d",
    env: "APERTURE_DURATION",
    placeholder: "TIME",
    help: "Stop after this long, such as 30s or 30; without it, at Ctrl-C, or when COMMAND ends",
    schema: duration(100, undefined, { seconds: true }),
  },
  output: {
    flag: "output",
    alias: "o",
    env: "APERTURE_OUTPUT",
    placeholder: "FILE",
    help:
      "Write a .svg, .folded, .pb.gz (pprof) or .json file; - for standard output: folded stacks, or a table of calls",
    schema: path(userPath, { as: ["-"] }),
  },
  aggregator: {
    flag: "aggregator",
    alias: "a",
    env: "APERTURE_AGGREGATOR",
    placeholder: "URL",
    help: "Push to this aggregator, such as http://host:50051; without it, a local run",
    schema: httpUrl(),
  },
  authToken: {
    flag: "auth-token",
    env: "APERTURE_AUTH_TOKEN",
    placeholder: "TOKEN",
    help: "The aggregator's token; the variable does not show in the process list",
    schema: text(),
  },
  caFile: {
    flag: "ca-file",
    env: "APERTURE_CA_FILE",
    placeholder: "FILE",
    help:
      "PEM of the authorities that may have signed an https aggregator's certificate, in place of the usual ones, or a debuginfod server's, beside them",
    schema: path(userPath),
  },
  clientCert: {
    flag: "client-cert",
    env: "APERTURE_CLIENT_CERT",
    placeholder: "FILE",
    help: "PEM certificate that an https aggregator is shown; with --client-key",
    schema: path(userPath),
  },
  clientKey: {
    flag: "client-key",
    env: "APERTURE_CLIENT_KEY",
    placeholder: "FILE",
    help: "PEM key of that certificate",
    schema: path(userPath),
  },
  nodeName: {
    flag: "node-name",
    alias: "n",
    env: "APERTURE_NODE_NAME",
    placeholder: "NAME",
    help: "What this machine is called, in Kubernetes the node; the host's name by default",
    schema: text(),
  },
  pushInterval: {
    flag: "push-interval",
    env: "APERTURE_PUSH_INTERVAL",
    placeholder: "TIME",
    help: "How long one window is",
    default: "10s",
    schema: duration(1000, 600_000),
  },
  bpfMemory: {
    flag: "bpf-memory",
    env: "APERTURE_BPF_MEMORY",
    placeholder: "SIZE",
    help: "At most so much memory for all BPF maps",
    default: "64MiB",
    schema: bytes(1 << 20),
  },
  memory: {
    flag: "memory",
    env: "APERTURE_MEMORY",
    placeholder: "SIZE",
    help: "What the agent itself may use, beside its BPF maps; a container's limit counts where it is less",
    default: "160MiB",
    schema: bytes(128 << 20),
  },
  symbolCache: {
    flag: "symbol-cache",
    env: "APERTURE_SYMBOL_CACHE",
    placeholder: "FOLDER",
    help: "Where symbol and unwind tables are kept; ~/.cache/aperture/symbols by default",
    schema: path(userPath),
  },
  symbolCacheSize: {
    flag: "symbol-cache-size",
    env: "APERTURE_SYMBOL_CACHE_SIZE",
    placeholder: "SIZE",
    help: "At most so much of the disk for these, a quarter for unwind tables; 0 keeps none there",
    default: "512MiB",
    schema: bytes(0),
  },
  symbolNames: {
    flag: "symbol-names",
    env: "APERTURE_SYMBOL_NAMES",
    placeholder: "STYLE",
    help:
      "C++ and Rust functions in full, or short: without parameters, template and generic arguments; functions of one short name are then one",
    default: "full",
    schema: oneOf(NAME_STYLES),
  },
  javaMaps: {
    flag: "java-maps",
    env: "APERTURE_JAVA_MAPS",
    placeholder: "ON|OFF",
    help:
      "Ask JVMs (17 or newer) that have samples in compiled code without a name to write down what it is called, some times at first, then once a minute at most; off: leave them alone",
    default: "on",
    schema: oneOf(["on", "off"] as const),
  },
  spoolDir: {
    flag: "spool-dir",
    env: "APERTURE_SPOOL_DIR",
    placeholder: "FOLDER",
    help: "Keep what cannot be pushed here once memory is full",
    schema: path(userPath),
  },
  debuginfodUrls: {
    flag: "debuginfod-urls",
    env: "DEBUGINFOD_URLS",
    placeholder: "URLS",
    help: "debuginfod servers to ask for debug information that is not here, with spaces between them",
    schema: httpUrls(),
  },
  debuginfodCache: {
    flag: "debuginfod-cache",
    env: "DEBUGINFOD_CACHE_PATH",
    placeholder: "FOLDER",
    help: "Where what they give is kept; as for gdb, ~/.cache/debuginfod_client by default",
    schema: path(userPath),
  },
  debuginfodSize: {
    flag: "debuginfod-size",
    env: "APERTURE_DEBUGINFOD_SIZE",
    placeholder: "SIZE",
    help: "At most so much of it from this agent",
    default: "2GiB",
    schema: bytes(1 << 20),
  },
  debuginfodMaxSize: {
    flag: "debuginfod-max-size",
    env: "DEBUGINFOD_MAXSIZE",
    placeholder: "SIZE",
    help: "Larger files are not taken; 0 for as large as the cache",
    default: "512MiB",
    schema: bytes(0),
  },
  debuginfodTimeout: {
    flag: "debuginfod-timeout",
    env: "DEBUGINFOD_TIMEOUT",
    placeholder: "SECONDS",
    help: "Give a server up that sends less than 100 KiB in so many seconds; 0 waits for ever",
    default: "90",
    schema: integer(-86_400, 86_400),
  },
  kube: {
    flag: "kube",
    env: "APERTURE_KUBE",
    placeholder: "SOURCE",
    help: "Who names this node's pods: api (the API server), kubelet, off, or auto: api within a cluster",
    default: "auto",
    schema: oneOf(["auto", "api", "kubelet", "off"]),
  },
  kubeAccount: {
    flag: "kube-account",
    env: "APERTURE_KUBE_ACCOUNT",
    placeholder: "FOLDER",
    help: "Where the service account's token and ca.crt are",
    default: SERVICE_ACCOUNT,
    schema: path(userPath),
  },
  kubeletUrl: {
    flag: "kubelet-url",
    env: "APERTURE_KUBELET_URL",
    placeholder: "URL",
    help: "This node's kubelet, for --kube kubelet; https://NODE:10250 by default",
    schema: httpUrl(),
  },
  kubeletCa: {
    flag: "kubelet-ca",
    env: "APERTURE_KUBELET_CA",
    placeholder: "FILE",
    help: "The CA of the kubelet's certificate; the service account's ca.crt by default",
    schema: path(userPath),
  },
  podLabels: {
    flag: "pod-labels",
    env: "APERTURE_POD_LABELS",
    placeholder: "NAMES",
    help: "Labels of pods that become labels of their samples, such as app,team",
    schema: names(),
  },
  podAnnotations: {
    flag: "pod-annotations",
    env: "APERTURE_POD_ANNOTATIONS",
    placeholder: "NAMES",
    help: "Annotations of pods that become labels of their samples",
    schema: names(),
  },
  listen: {
    flag: "listen",
    env: "APERTURE_AGENT_LISTEN",
    placeholder: "ADDRESS",
    help:
      "Answer /metrics, /healthz and /readyz here by HTTP, such as 127.0.0.1:9091; without it, no port is open",
    schema: address(),
  },
  ...RELABEL_SETTINGS,
  ...OTLP_SETTINGS,
  ...COMMON_SETTINGS,
});

export type AgentConfig = Values<typeof AGENT_SETTINGS> & {
  /** This is run and watched, with all that it starts: it stood behind `--`. */
  readonly command?: readonly string[];
};

/**
 * Reads the agent's settings.
 *
 * @throws {UsageError} for what cannot be used
 */
export function readAgentConfig(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): AgentConfig {
  const dashes = args.indexOf("--");
  const config = readSettings(AGENT_SETTINGS, dashes < 0 ? args : args.slice(0, dashes), env);
  if ((config.clientCert === undefined) !== (config.clientKey === undefined)) {
    const [given, missing] = config.clientKey === undefined ? ["cert", "key"] : ["key", "cert"];
    throw new UsageError(`Missing a value: '--client-${missing} FILE', as '--client-${given}' needs it`);
  }
  if (config.pid !== undefined && config.comm !== undefined) {
    throw new UsageError("Cannot take both '--pid' and '--comm': leave one of them out");
  }
  if (dashes < 0) return config;
  const command = args.slice(dashes + 1);
  if (command.length === 0) throw new UsageError("Missing a command behind '--'");
  if (config.pid !== undefined || config.comm !== undefined) {
    throw new UsageError("Cannot watch both a command and '--pid' or '--comm': leave one of them out");
  }
  return { ...config, command };
}

/** Returns the text of `--help`. */
export function agentHelp(): string {
  return `Aperture's agent: watches this machine through eBPF and says where its time goes: on a CPU, waiting
for locks, in system calls.

Usage:
  deno task agent --duration 10s --output flame.svg     profile this machine into a file
  deno task agent --mode syscall --duration 10s         count system calls, as strace -c does
  deno task agent --output flame.svg -- make -j8        run a command and profile all that it starts
  deno task agent --aggregator http://host:50051        push to an aggregator until stopped

Flags, and the environment variables that set them (a flag wins):
${describeSettings(AGENT_SETTINGS)}

Exit status: 0 done, 1 failed, 2 wrong usage, 4 nothing was recorded; behind --, that of the command.
`;
}
