// SPDX-License-Identifier: Apache-2.0
/**
 * Tells what runs a process: its container, pod and workload, or its systemd unit.
 *
 * The names come from whoever knows them: the cgroup's path says which container and pod, the pods of Kubernetes
 * and the container's runtime say how these are called. Nothing is waited for: what nobody has named yet is
 * called by its id.
 *
 * @module
 */

import type { LRUCache } from "lru-cache";
import { countedCache } from "../../common/counted_cache.ts";
import type { Series } from "../../profile/model.ts";
import { readSmallText } from "../libbpf/mod.ts";
import { parseCgroup, type Placement } from "./cgroup.ts";
import type { Found } from "./kube/pod_index.ts";
import { type OwnContainer, ownContainer } from "./own_container.ts";
import { RuntimeNames } from "./runtime_names.ts";

/** The labels of a series that its process's surroundings give. */
export type Labels = Pick<Series, "container" | "pod" | "namespace" | "service" | "labels">;

/** Knows the pods of this node. */
export interface PodFinder {
  find(podUid: string, containers: readonly string[]): Found | undefined;
  /** Call when a container was seen that no pod lists. */
  nudge(): void;
}

/** Names what is asked of a process. */
export interface LabelledProcess {
  readonly pid: number;
  /** Clock ticks since boot; with the pid it names a process for ever. */
  readonly startTime: number;
}

export interface ProcessLabelsOptions {
  /** Without it, only what this machine itself knows is told. */
  pods?: PodFinder | undefined;
  /** @default {"/proc"} */
  procRoot?: string;
  /** Processes that are kept. @default {8192} */
  capacity?: number;
  /** @default {ownContainer(procRoot)} */
  own?: OwnContainer | undefined;
}

/** Holds what was counted since the start. */
export interface LabelStats {
  /** Containers that neither Kubernetes nor the runtime had named when they were first seen. */
  readonly unknownContainers: number;
  /** Processes that had ended before their cgroup could be read: their samples have no such labels. */
  readonly unread: number;
}

interface Entry {
  readonly startTime: number;
  window: number;
  text: string;
  labels: Labels;
}

export const NO_LABELS: Labels = { container: "", pod: "", namespace: "", service: "", labels: "" };

/** Docker and crictl show so many characters of an id. */
const SHORT_ID = 12;

/**
 * The labels of processes, looked at anew in each window: a process is moved into its container's cgroup after
 * it has started, and a pod is often known a moment after its first process.
 */
export class ProcessLabels {
  readonly #pods: PodFinder | undefined;
  readonly #runtime: RuntimeNames;
  readonly #procRoot: string;
  readonly #own: OwnContainer | undefined;
  readonly #entries: LRUCache<number, Entry>;
  /** They are found by the text of `/proc/PID/cgroup`, which all processes of a container share. */
  readonly #placements: LRUCache<string, Placement>;
  readonly #unknown: LRUCache<string, true>;
  /** Holds the labels of this window, by the text of the cgroup. */
  readonly #labels = new Map<string, Labels>();
  /** All labels of pods are told, rather than those that were asked for. To be set before a window is named. */
  all = false;
  #window = 0;
  #unknownContainers = 0;
  #unread = 0;

  constructor(options: ProcessLabelsOptions = {}) {
    const { pods, procRoot = "/proc", capacity = 8192 } = options;
    this.#pods = pods;
    this.#procRoot = procRoot;
    this.#own = "own" in options ? options.own : ownContainer(procRoot);
    this.#runtime = new RuntimeNames({ procRoot });
    this.#entries = countedCache(capacity);
    this.#placements = countedCache(capacity);
    this.#unknown = countedCache(capacity);
  }

  get stats(): LabelStats {
    return { unknownContainers: this.#unknownContainers, unread: this.#unread };
  }

  /** Returns the labels of a process; those of earlier windows when it has ended since. */
  of({ pid, startTime }: LabelledProcess): Labels {
    const known = this.#entries.get(pid);
    const same = known?.startTime === startTime ? known : undefined;
    if (same?.window === this.#window) return same.labels;
    const text = this.#read(pid) ?? same?.text;
    if (text === undefined) {
      this.#unread++;
      return NO_LABELS;
    }
    const labels = this.#labelsOf(text);
    this.#entries.set(pid, { startTime, window: this.#window, text, labels });
    return labels;
  }

  /** Returns the labels of a process that has ended, of which nothing is read any more. */
  ofEnded({ pid, startTime }: LabelledProcess): Labels {
    const known = this.#entries.get(pid);
    if (known?.startTime === startTime) return this.#labelsOf(known.text);
    this.#unread++;
    return NO_LABELS;
  }

  /** Reads where a process that has just been seen belongs: it may be gone when {@linkcode of} is asked. */
  observe({ pid, startTime }: LabelledProcess): void {
    if (this.#entries.get(pid)?.startTime === startTime) return;
    const text = this.#read(pid);
    if (text !== undefined) this.#entries.set(pid, { startTime, window: -1, text, labels: NO_LABELS });
  }

  /** Call after the samples of a window. */
  endWindow(): void {
    this.#window++;
    this.#labels.clear();
  }

  #read(pid: number): string | undefined {
    return readSmallText(`${this.#procRoot}/${pid}/cgroup`);
  }

  #labelsOf(text: string): Labels {
    let labels = this.#labels.get(text);
    if (labels === undefined) this.#labels.set(text, labels = this.#name(this.#placement(text)));
    return labels;
  }

  #placement(text: string): Placement {
    let placement = this.#placements.get(text);
    if (placement === undefined) this.#placements.set(text, placement = parseCgroup(text));
    return placement;
  }

  #name(placement: Placement): Labels {
    const { container: ownContainer, ...place } = this.#whole(placement);
    const { podUid, containers, unit } = place;
    const id = containers.at(-1) ?? "";
    if (podUid === "" && id === "") return { ...NO_LABELS, service: unit };
    const found = this.#pods?.find(podUid, containers);
    const named = found?.container ? [] : containers.map((id) => this.#runtime.of(id));
    // In Kubernetes the container that a pod lists, not what it may run inside of itself.
    const inPod = named.findLast((names) => names?.pod);
    const names = inPod ?? named.at(-1);
    if (!found?.container && !names && id !== "") this.#observeUnknown(id);
    const container = found?.container || names?.container || ownContainer || id.slice(0, SHORT_ID);
    const pod = found?.pod.name || inPod?.pod || podUid;
    const service = found?.pod.workload || unit || names?.service;
    return {
      container,
      pod,
      namespace: found?.pod.namespace || inPod?.namespace || "",
      service: service || (pod === "" ? container : ""),
      labels: (this.all ? found?.pod.allLabels : found?.pod.labels) ?? "",
    };
  }

  /** Returns `placement`, where it is told relative to the agent's own cgroup, with what is known of that. */
  #whole(placement: Placement): Placement & { readonly container: string } {
    const own = this.#own;
    const { podUid, containers, above } = placement;
    if (own === undefined || podUid !== "" || above > 1) return { ...placement, container: "" };
    // One level up are the other containers of the agent's pod; none up is the agent's own.
    const inOwn = above === 0 && containers.length === 0;
    return {
      ...placement,
      podUid: own.podUid,
      containers: inOwn && own.containerId ? [own.containerId] : containers,
      container: inOwn ? own.container : "",
    };
  }

  /** Counts a container that nobody has named, once. */
  #observeUnknown(id: string): void {
    if (this.#unknown.has(id)) return;
    this.#unknown.set(id, true);
    this.#unknownContainers++;
    this.#pods?.nudge();
  }
}
