// SPDX-License-Identifier: Apache-2.0
/**
 * Asks for the pods of a node: the API server, listed once and then watched, or the node's kubelet, which
 * has no watch and is asked again and again.
 *
 * @module
 */

import { type KubeClient, KubeError } from "./client.ts";
import { readJson, readLines } from "./body.ts";
import { within } from "../../../common/timeout.ts";
import { type Pod, readPod, type Selected } from "./pod.ts";
import type { PodIndex } from "./pod_index.ts";

export interface SourceOptions {
  readonly client: KubeClient;
  readonly index: PodIndex;
  readonly selected: Selected;
  /** A list may take this long, in ms. */
  readonly listMs: number;
  /** It is called after each list, and when a watch begins. */
  readonly onAnswer: () => void;
}

/** Holds what a source counted. */
export interface SourceStats {
  readonly lists: number;
  readonly watches: number;
}

/** Is asked in rounds by a Follower. */
export interface Source {
  readonly stats: SourceStats;
  round(context: { signal: AbortSignal; progress: () => void }): Promise<void>;
  /** Call when so many rounds in a row have failed. */
  failed(error: Error, failures: number): void;
}

export interface ApiSourceOptions extends SourceOptions {
  /** It is as `spec.nodeName` has it. */
  readonly node: string;
  /** One watch is this long, in s. */
  readonly watchSeconds: number;
}

const GONE = 410;
/** Pods in one answer to a list. */
const PAGE = 500;
/** After so many failures in a row the list is taken anew: what the watch would go on from may be to blame. */
const RELIST_AFTER = 3;
/** A watch that ended sooner, and said nothing, did not work. */
const SHORT_WATCH_MS = 5000;
/** A watch that is over by this much has lost its connection without a word. */
const OVERDUE_MS = 15_000;
/** No object in a cluster is larger: etcd takes 1.5 MiB. */
const MAX_LINE = 8 << 20;

/** Lists the node's pods, then watches them: https://kubernetes.io/docs/reference/using-api/api-concepts/ */
export class ApiSource implements Source {
  readonly #options: ApiSourceOptions;
  /** The watch goes on from this version; `undefined` when a list must come first. */
  #resourceVersion: string | undefined;
  /** The server's cache may answer the next list: it is cheap, and old by a moment at most. */
  #cached = true;
  #lists = 0;
  #watches = 0;

  constructor(options: ApiSourceOptions) {
    this.#options = options;
  }

  get stats(): SourceStats {
    return { lists: this.#lists, watches: this.#watches };
  }

  async round({ signal, progress }: { signal: AbortSignal; progress: () => void }): Promise<void> {
    const { listMs, watchSeconds } = this.#options;
    this.#resourceVersion ??= await within(listMs, (signal) => this.#list(signal), { signal });
    // Not all agents at the same time.
    const seconds = Math.ceil(watchSeconds * (0.8 + Math.random() / 5));
    await within(seconds * 1000 + OVERDUE_MS, (signal) => this.#watch(seconds, { signal, progress }), {
      signal,
    });
  }

  failed(error: Error, failures: number): void {
    if (error instanceof KubeError && error.status === GONE) {
      this.#resourceVersion = undefined;
      this.#cached = false;
    } else if (failures % RELIST_AFTER === 0) this.#resourceVersion = undefined;
  }

  get #selector(): Record<string, string> {
    return { fieldSelector: `spec.nodeName=${this.#options.node}` };
  }

  async #list(signal: AbortSignal): Promise<string> {
    const { client, index, selected } = this.#options;
    const pods: Pod[] = [];
    let page: Record<string, string> = this.#cached ? { resourceVersion: "0" } : {};
    for (;;) {
      const query = { ...this.#selector, limit: String(PAGE), ...page };
      const list = await readJson(await client.get("/api/v1/pods", { query, signal }), signal) as PodList;
      pods.push(...readPods(list, selected));
      const { resourceVersion, continue: next } = list?.metadata ?? {};
      if (!next) {
        if (typeof resourceVersion !== "string") throw new Error("The list of pods has no resourceVersion");
        index.replace(pods);
        this.#lists++;
        this.#cached = true;
        this.#options.onAnswer();
        return resourceVersion;
      }
      page = { continue: String(next) };
    }
  }

  async #watch(
    seconds: number,
    { signal, progress }: { signal: AbortSignal; progress: () => void },
  ): Promise<void> {
    const query = {
      ...this.#selector,
      watch: "1",
      allowWatchBookmarks: "true",
      resourceVersion: this.#resourceVersion!,
      timeoutSeconds: String(seconds),
    };
    const response = await this.#options.client.get("/api/v1/pods", { query, signal });
    this.#watches++;
    this.#options.onAnswer();
    const start = performance.now();
    let events = 0;
    for await (const line of readLines(response, { signal, limit: MAX_LINE })) {
      this.#apply(JSON.parse(line));
      events++;
      progress();
    }
    if (events === 0 && performance.now() - start < Math.min(SHORT_WATCH_MS, seconds * 500)) {
      throw new Error("The watch of pods ended at once");
    }
  }

  #apply({ type, object }: { type?: unknown; object?: Record<string, unknown> }): void {
    const { index, selected } = this.#options;
    if (type === "ERROR") {
      throw new KubeError(Number(object?.["code"]), `${object?.["code"]} ${object?.["message"]}`);
    }
    const pod = readPod(object, selected);
    if (pod !== undefined) {
      if (type === "DELETED") index.delete(pod.uid);
      else if (type === "ADDED" || type === "MODIFIED") index.set(pod);
    }
    // A bookmark is a pod with nothing but this.
    const { resourceVersion } = (object?.["metadata"] ?? {}) as { resourceVersion?: unknown };
    if (typeof resourceVersion === "string" && resourceVersion !== "") {
      this.#resourceVersion = resourceVersion;
    }
  }
}

/** Asks the kubelet for all its pods: `GET /pods`. */
export class KubeletSource implements Source {
  readonly #options: SourceOptions;
  #lists = 0;

  constructor(options: SourceOptions) {
    this.#options = options;
  }

  get stats(): SourceStats {
    return { lists: this.#lists, watches: 0 };
  }

  async round({ signal }: { signal: AbortSignal }): Promise<void> {
    const { client, index, selected, listMs } = this.#options;
    const list = await within(listMs, async (signal) => {
      return await readJson(await client.get("/pods", { signal }), signal) as PodList;
    }, { signal });
    index.replace(readPods(list, selected));
    this.#lists++;
    this.#options.onAnswer();
  }

  /** The next round asks for all there is, whatever the last one did. */
  failed(): void {}
}

interface PodList {
  readonly metadata?: { readonly resourceVersion?: unknown; readonly continue?: unknown };
  readonly items?: unknown;
}

/** @throws {Error} when it is no list: an empty one must not take away what is known */
function readPods(list: PodList, selected: Selected): Pod[] {
  // A kubelet without pods says null.
  const items = list?.items === null ? [] : list?.items;
  if (!Array.isArray(items)) throw new Error("The answer is no list of pods");
  return items.flatMap((item) => readPod(item, selected) ?? []);
}
