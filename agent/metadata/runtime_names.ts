// SPDX-License-Identifier: Apache-2.0
/**
 * Reads what container runtimes write down about their containers: names that need no Kubernetes, and that of a pod
 * at once, before any server tells of it.
 *
 * The files lie in the mount namespace of the host, which is that of process 1; in a container without the host's
 * pid namespace there are none.
 *
 * @module
 */

import type { LRUCache } from "lru-cache";
import { countedCache } from "../../common/counted_cache.ts";

/** Holds what a runtime knows of a container; "" is not known. */
export interface ContainerNames {
  /** It is the name in its pod, or as Docker and Podman list it. */
  readonly container: string;
  readonly pod: string;
  readonly namespace: string;
  /** Names what it is one of: the service of a compose file. */
  readonly service: string;
}

export interface RuntimeNamesOptions {
  /** @default {"/proc"} */
  procRoot?: string;
  /** Returns the time in ms. @default {performance.now} */
  clock?: () => number;
  /** Containers that are kept. @default {4096} */
  capacity?: number;
}

/** A container whose files were not there is looked for again after this long: they may not yet have been. */
const RETRY_MS = 30_000;
/** A container's configuration is some 50 KB at most. */
const MAX_BYTES = 4 << 20;
/** The name that runtimes and cAdvisor give to the container that holds a pod's namespaces. */
const SANDBOX = "POD";

interface Known {
  readonly names: ContainerNames | undefined;
  readonly at: number;
}

/** Reads and keeps the names of containers. */
export class RuntimeNames {
  readonly #root: string;
  readonly #clock: () => number;
  readonly #known: LRUCache<string, Known>;

  constructor({ procRoot = "/proc", clock, capacity = 4096 }: RuntimeNamesOptions = {}) {
    this.#root = `${procRoot}/1/root`;
    this.#clock = clock ?? (() => performance.now());
    this.#known = countedCache(capacity);
  }

  /**
   * Returns the names of the container `id`, of 64 hex digits; `undefined` when no runtime wrote them where it could be
   * read.
   */
  of(id: string): ContainerNames | undefined {
    const known = this.#known.get(id);
    if (known && (known.names || this.#clock() - known.at < RETRY_MS)) return known.names;
    const names = this.#read(id);
    this.#known.set(id, { names, at: this.#clock() });
    return names;
  }

  #read(id: string): ContainerNames | undefined {
    for (const { path, read } of FILES) {
      const object = readJson(`${this.#root}/${path(id)}`);
      const names = object && read(object);
      if (names) return names;
    }
    return undefined;
  }
}

type Json = Readonly<Record<string, unknown>>;

/** Lists where each runtime keeps what it knows of a container. */
const FILES: readonly {
  readonly path: (id: string) => string;
  readonly read: (object: Json) => ContainerNames | undefined;
}[] = [
  // containerd: the bundle of each task, by namespace; k3s has a containerd of its own.
  ...["run/containerd", "run/k3s/containerd"].flatMap((state) => {
    return ["k8s.io", "default"].map((namespace) => ({
      path: (id: string) => `${state}/io.containerd.runtime.v2.task/${namespace}/${id}/config.json`,
      read: readBundle,
    }));
  }),
  // CRI-O, and Podman as root.
  {
    path: (id) => `run/containers/storage/overlay-containers/${id}/userdata/config.json`,
    read: readBundle,
  },
  {
    path: (id) => `var/lib/containers/storage/overlay-containers/${id}/userdata/config.json`,
    read: readBundle,
  },
  { path: (id) => `var/lib/docker/containers/${id}/config.v2.json`, read: readDocker },
];

/** Reads the annotations of an OCI bundle's `config.json`, which each runtime calls by its own names. */
export function readBundle(object: Json): ContainerNames | undefined {
  const annotations = record(object["annotations"]);
  const first = (...keys: string[]) => keys.map((key) => text(annotations[key])).find(Boolean) ?? "";
  const type = first("io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType");
  const pod = first(
    "io.kubernetes.cri.sandbox-name",
    "io.kubernetes.pod.name",
    "io.kubernetes.cri-o.KubeName",
  );
  const names = {
    container: pod !== "" && type === "sandbox" ? SANDBOX : first(
      "io.kubernetes.cri.container-name",
      "io.kubernetes.container.name",
      "io.podman.annotations.container.name",
      "nerdctl/name",
    ),
    pod,
    namespace: pod &&
      first(
        "io.kubernetes.cri.sandbox-namespace",
        "io.kubernetes.pod.namespace",
        "io.kubernetes.cri-o.Namespace",
      ),
    service: "",
  };
  return names.container || names.pod ? names : undefined;
}

/** Reads Docker's `config.v2.json`; below a kubelet, its labels name the pod. */
export function readDocker(object: Json): ContainerNames | undefined {
  const labels = record(record(object["Config"])["Labels"]);
  const container = text(labels["io.kubernetes.container.name"]) || text(object["Name"]).replace(/^\//, "");
  if (container === "") return undefined;
  return {
    container,
    pod: text(labels["io.kubernetes.pod.name"]),
    namespace: text(labels["io.kubernetes.pod.namespace"]),
    service: text(labels["com.docker.compose.service"]),
  };
}

function readJson(path: string): Json | undefined {
  try {
    if (Deno.statSync(path).size > MAX_BYTES) return undefined;
    return record(JSON.parse(Deno.readTextFileSync(path)));
  } catch {
    return undefined; // Another runtime's container, or no right to look.
  }
}

function record(value: unknown): Json {
  return typeof value === "object" && value !== null ? value as Json : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
