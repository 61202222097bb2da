// SPDX-License-Identifier: Apache-2.0
/**
 * Runs an image that lies in a folder as a kubelet's runtime would: in its own mounts and network, with a read-only
 * root, as the user and with the capabilities of a securityContext. What this leaves out is cgroups and seccomp.
 *
 * @module
 */

import { output } from "./commands.ts";
import type { ImageConfig } from "./builder.ts";

/** A network namespace with a loopback device and no way out: what runs there works offline, on any port. */
export class Network implements AsyncDisposable {
  readonly #holder: Deno.ChildProcess;
  /** It is for nsenter. */
  readonly path: string;

  private constructor(holder: Deno.ChildProcess) {
    this.#holder = holder;
    this.path = `/proc/${holder.pid}/ns/net`;
  }

  static async open(): Promise<Network> {
    const holder = new Deno.Command("unshare", {
      args: ["--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity"],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const reader = holder.stdout.getReader();
    await reader.read();
    await reader.cancel();
    return new Network(holder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#holder.kill();
    await this.#holder.status;
  }
}

export interface ContainerOptions {
  /** The image's files. */
  readonly root: string;
  readonly config: ImageConfig;
  readonly network: Network;
  /** They are added to the image's own. */
  readonly env: Readonly<Record<string, string>>;
  /** `all` is `privileged: true`; else those of `capabilities.add` after `drop: [ALL]`, like `BPF`. */
  readonly capabilities: "all" | readonly string[];
  readonly hostPid: boolean;
  /** Host folders by where they are mounted; a `tmpfs:` is an emptyDir. */
  readonly mounts: Readonly<Record<string, string>>;
  /** Names of `/etc/hosts` for the loopback address. */
  readonly hostNames: readonly string[];
}

/** The shell that lays out the mounts; its arguments are the root, `SOURCE=TARGET` for each mount, `--`, a command. */
const LAYOUT = `
root=$1; shift
mount --make-rprivate /
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
  source=\${1%%=*}; target=$root/\${1#*=}; shift
  mkdir -p "$target"
  case $source in
  tmpfs) mount -t tmpfs -o mode=1777 tmpfs "$target" ;;
  proc) mount -t proc proc "$target" ;;
  *) mount --rbind "$source" "$target" ;;
  esac
done
shift
mount -o remount,bind,ro "$root"
exec "$@"
`;

/** One container that runs. */
export class Container implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #output: Promise<void>;
  #text = "";

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#output = this.#read(child.stderr);
  }

  /** Starts it; what it needs in its folder is laid out before. */
  static async start(options: ContainerOptions): Promise<Container> {
    const { root, config, network, hostPid } = options;
    await Deno.mkdir(`${root}/etc`, { recursive: true });
    await Deno.writeTextFile(`${root}/etc/hosts`, `127.0.0.1 localhost ${options.hostNames.join(" ")}\n`);
    const [program, ...args] = config.Entrypoint;
    const mounts = { "/tmp": "tmpfs", "/dev": "/dev", "/proc": "proc", "/sys": "/sys", ...options.mounts };
    const child = new Deno.Command("nsenter", {
      args: [
        `--net=${network.path}`,
        "unshare",
        "--mount",
        ...(hostPid ? [] : ["--pid", "--fork", "--kill-child=SIGTERM"]),
        "sh",
        "-euc",
        LAYOUT,
        "sh",
        root,
        ...Object.entries(mounts).map(([target, source]) => `${source}=${target.slice(1)}`),
        "--",
        "/usr/sbin/capsh",
        `--chroot=${root}`,
        ...rights(options),
        `--shell=/usr/local/bin/${program}`,
        "--",
        ...args,
      ],
      env: {
        ...Object.fromEntries(config.Env.map((line) => line.split(/=(.*)/s))),
        ...options.env,
        CAPSH: "",
      },
      clearEnv: true,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    return new Container(child);
  }

  /** Is what it wrote to its standard error: `kubectl logs`. */
  get logs(): string {
    return this.#text;
  }

  /** Resolves to how it ended. */
  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  /** Returns what a program of the image answers inside the container: `kubectl exec POD -- …`. */
  async exec(...command: string[]): Promise<string> {
    return await output("nsenter", [`--target=${await this.#pid()}`, "--all", "--root", "--wd", ...command]);
  }

  /** Returns the pid of the program itself, below what started it. */
  async #pid(): Promise<number> {
    const { pid } = this.#child;
    const children = (await Deno.readTextFile(`/proc/${pid}/task/${pid}/children`)).trim();
    return children === "" ? pid : Number(children.split(" ")[0]);
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.#text += text;
  }

  /** Ends it as a kubelet does, by SIGTERM. */
  async stop(): Promise<Deno.CommandStatus> {
    try {
      Deno.kill(await this.#pid(), "SIGTERM");
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound) && !(error instanceof TypeError)) throw error;
    }
    const status = await this.#child.status;
    await this.#output;
    return status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** A user that is not root has no capabilities, as in Kubernetes: it gives nobody ambient ones. */
function rights({ config, capabilities }: ContainerOptions): string[] {
  const [uid = "0", gid = uid] = (config.User || "0").split(":");
  if (capabilities === "all") return [`--gid=${gid}`, `--uid=${uid}`];
  const kept = new Set(capabilities.map((name) => `cap_${name.toLowerCase()}`));
  const dropped = ALL_CAPABILITIES.filter((name) => !kept.has(name));
  return [`--drop=${dropped.join()}`, `--gid=${gid}`, `--uid=${uid}`, "--no-new-privs"];
}

/** include/uapi/linux/capability.h, in its order. */
const ALL_CAPABILITIES = (
  "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service " +
  "net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct " +
  "sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap " +
  "mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore"
).split(" ").map((name) => `cap_${name}`);
