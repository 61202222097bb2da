// SPDX-License-Identifier: Apache-2.0
/**
 * The pods of this node, kept up to date in the background.
 *
 * Nothing waits for it: who asks gets what is known by then. While the server is away, what was known stays.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { fetchFailure } from "../../../common/fetch_failure.ts";
import { Burst } from "../../../common/log.ts";
import { KubeClient, type KubeClientOptions, KubeError } from "./client.ts";
import { Follower } from "./follow.ts";
import { NOTHING_SELECTED, type Selected } from "./pod.ts";
import { type Found, PodIndex } from "./pod_index.ts";
import { ApiSource, KubeletSource, type Source } from "./sources.ts";

const logger = getLogger(["aperture", "pods"]);

export interface PodsOptions {
  readonly from: "api" | "kubelet";
  readonly client: KubeClientOptions;
  /** It is as `spec.nodeName` has it. */
  readonly node: string;
  /** @default {NOTHING_SELECTED} */
  readonly selected?: Selected;
  readonly timing?: Timing;
}

/** Times are in ms where the name does not say. */
export interface Timing {
  /** @default {30000} */
  readonly list?: number;
  /** One watch is this long, in s. @default {300} */
  readonly watchSeconds?: number;
  /** It rests so long between two watches. @default {200} */
  readonly rest?: number;
  /** So long lies between two questions to the kubelet. @default {15000} */
  readonly poll?: number;
  /** At least so long lies between two questions to the kubelet, when an unknown container is seen. @default {2000} */
  readonly minPoll?: number;
  /** @default {1000} */
  readonly backoff?: number;
  /** @default {30000} */
  readonly maxBackoff?: number;
}

/** Holds what was counted since the start. */
export interface PodsStats {
  /** This many pods are known now. */
  readonly pods: number;
  readonly lists: number;
  readonly watches: number;
  /** Questions that were not answered, or wrongly. */
  readonly failures: number;
}

/** Follows a server for as long as it is not disposed of. */
export class Pods implements AsyncDisposable {
  readonly #index = new PodIndex();
  readonly #source: Source;
  readonly #client: KubeClient;
  readonly #follower: Follower;
  readonly #burst = new Burst(logger);
  readonly #poll: { min: number } | undefined;
  #failures = 0;
  #state: "new" | "known" | "away" = "new";
  #asked = performance.now();

  constructor({ from, client, node, selected = NOTHING_SELECTED, timing = {} }: PodsOptions) {
    const { list = 30_000, watchSeconds = 300, rest = 200, poll = 15_000, minPoll = 2000 } = timing;
    this.#client = new KubeClient(client);
    const common = {
      client: this.#client,
      index: this.#index,
      selected,
      listMs: list,
      onAnswer: () => this.#answered(node),
    };
    this.#source = from === "api"
      ? new ApiSource({ ...common, node, watchSeconds })
      : new KubeletSource(common);
    this.#poll = from === "kubelet" ? { min: minPoll } : undefined;
    this.#follower = new Follower({
      round: (context) => {
        this.#asked = performance.now();
        return this.#source.round(context);
      },
      restMs: from === "api" ? rest : poll,
      backoff: { firstMs: timing.backoff ?? 1000, maxMs: timing.maxBackoff ?? 30_000 },
      onFailure: (error, failures) => this.#failed(error, failures),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#follower[Symbol.asyncDispose]();
    this.#client[Symbol.dispose]();
  }

  get stats(): PodsStats {
    return { pods: this.#index.size, ...this.#source.stats, failures: this.#failures };
  }

  /** Changes whenever {@linkcode Pods.find} may answer otherwise than before. */
  get version(): number {
    return this.#index.version;
  }

  /** Returns the pod of a process by what its cgroup says; `undefined` when it is not known, or not yet. */
  find(podUid: string, containers: readonly string[]): Found | undefined {
    return this.#index.find(podUid, containers);
  }

  /** Call when a container was seen that no pod lists: a watch tells of it by itself, a kubelet must be asked. */
  nudge(): void {
    if (this.#poll && performance.now() - this.#asked >= this.#poll.min) this.#follower.nudge();
  }

  #answered(node: string): void {
    const pods = this.#index.size;
    const { host } = this.#client.url;
    // The agent itself is one, where this is a cluster's node.
    if (pods === 0) {
      this.#burst.warn(
        "empty",
        `There are no pods on node '${node}' as ${host} has it: APERTURE_NODE_NAME must be the node's name in ` +
          "Kubernetes",
      );
    } else if (this.#state !== "known") {
      const message = this.#state === "away" ? "answers again: it has" : "has";
      logger.info(`{host} ${message} {pods} pods of this node`, { host, pods });
    }
    this.#state = "known";
  }

  #failed(error: Error, failures: number): void {
    this.#failures++;
    this.#source.failed(error, failures);
    // The list is taken anew at once in the life of any watch: that is no news.
    if (error instanceof KubeError && error.status === 410 && failures === 1) return;
    this.#state = "away";
    this.#burst.warn(
      "away",
      `Cannot learn of this node's pods from ${this.#client.url.host}: ${describe(error)}. ` +
        `Samples have the names that the container runtime gives, or the pod's uid`,
    );
  }
}

function describe(error: Error): string {
  if (!(error instanceof KubeError)) return fetchFailure(error);
  switch (error.status) {
    case 401:
      return `it does not take the service account's token (${error.message})`;
    case 403:
      return `the service account lacks a right (${error.message})`;
    default:
      return error.message;
  }
}
