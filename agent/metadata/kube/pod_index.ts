// SPDX-License-Identifier: Apache-2.0
/**
 * The pods of this node, by uid and by the ids of their containers.
 *
 * @module
 */

import { LRUCache } from "lru-cache";
import type { Pod } from "./pod.ts";

/** A pod, and the container in it where that is known. */
export interface Found {
  readonly pod: Pod;
  /** The container's name; "" when the pod does not list it. */
  readonly container: string;
}

export interface PodIndexOptions {
  /** This many pods that were deleted are kept: their last samples are still to come. @default {512} */
  departed?: number;
}

/** Finds pods; a pod that was deleted is found until others crowd it out. */
export class PodIndex {
  readonly #pods = new Map<string, Pod>();
  readonly #byContainer = new Map<string, Pod>();
  readonly #departed: LRUCache<string, Pod>;
  #version = 0;

  constructor({ departed = 512 }: PodIndexOptions = {}) {
    this.#departed = new LRUCache({
      max: departed,
      dispose: (pod) => this.#forgetContainers(pod),
    });
  }

  /** Counts the pods. */
  get size(): number {
    return this.#pods.size;
  }

  /** Changes whenever a look-up may answer otherwise than before. */
  get version(): number {
    return this.#version;
  }

  /** Adds a pod, or what has become of it. */
  set(pod: Pod): void {
    const before = this.#pods.get(pod.uid) ?? this.#departed.peek(pod.uid);
    this.#departed.delete(pod.uid);
    this.#pods.set(pod.uid, pod);
    if (before) this.#forgetContainers(before);
    for (const id of pod.containers.keys()) this.#byContainer.set(id, pod);
    this.#version++;
  }

  /** The pod was deleted. */
  delete(uid: string): void {
    const pod = this.#pods.get(uid);
    if (pod === undefined) return;
    this.#pods.delete(uid);
    this.#departed.set(uid, pod);
    this.#version++;
  }

  /** These are all the pods there are. */
  replace(pods: readonly Pod[]): void {
    const present = new Set(pods.map(({ uid }) => uid));
    for (const uid of [...this.#pods.keys()]) {
      if (!present.has(uid)) this.delete(uid);
    }
    for (const pod of pods) this.set(pod);
  }

  /**
   * Returns the pod of a process.
   *
   * @param containers the ids of the containers that it is in, the outermost first: the runtime in a container
   * has ids that no pod lists, and the container it is in has one that does
   */
  find(podUid: string, containers: readonly string[]): Found | undefined {
    for (let i = containers.length - 1; i >= 0; i--) {
      const pod = this.#byContainer.get(containers[i]!);
      if (pod) return { pod, container: pod.containers.get(containers[i]!)! };
    }
    const pod = this.#pods.get(podUid) ?? this.#departed.get(podUid);
    return pod && { pod, container: "" };
  }

  #forgetContainers(pod: Pod): void {
    for (const id of pod.containers.keys()) {
      if (this.#byContainer.get(id) === pod) this.#byContainer.delete(id);
    }
  }
}
