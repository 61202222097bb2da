// SPDX-License-Identifier: Apache-2.0
/**
 * Reads what is kept of a pod's object (core/v1 Pod, as the API server and the kubelet both write it).
 *
 * @module
 */

import { encodeLabels } from "../../../profile/labels.ts";

/** A pod of this node. */
export interface Pod {
  /**
   * It is as the pod's cgroup has it: for a static pod its hash, not the uid of the mirror that the API server shows.
   */
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  /** The name of what made it: of the Deployment, StatefulSet, DaemonSet, CronJob, …; its own when nothing did. */
  readonly workload: string;
  /** The names of its containers, those that ended among them, by the runtime's id. */
  readonly containers: ReadonlyMap<string, string>;
  /** The labels and annotations that were asked for, as {@linkcode encodeLabels} writes them. */
  readonly labels: string;
  /** Are all of its labels beside those, up to {@linkcode MAX_LABELS}. */
  readonly allLabels: string;
}

/** A pod has a handful; more is what somebody keeps there. */
export const MAX_LABELS = 64;

/** Names the labels and annotations of pods that are kept. */
export interface Selected {
  readonly labels: readonly string[];
  readonly annotations: readonly string[];
}

export const NOTHING_SELECTED: Selected = { labels: [], annotations: [] };

type Json = Readonly<Record<string, unknown>>;

/** The annotation by which the kubelet tells the mirror of a static pod, and which one. */
const STATIC_POD_HASH = "kubernetes.io/config.hash";

/**
 * Reads a pod's object.
 *
 * @returns `undefined` for what is no pod: it has no uid or no name
 */
export function readPod(object: unknown, selected: Selected = NOTHING_SELECTED): Pod | undefined {
  const metadata = record(record(object)["metadata"]);
  const labels = record(metadata["labels"]);
  const annotations = record(metadata["annotations"]);
  const uid = text(annotations[STATIC_POD_HASH]) || text(metadata["uid"]);
  const name = text(metadata["name"]);
  if (uid === "" || name === "") return undefined;
  const node = text(record(record(object)["spec"])["nodeName"]);
  const chosen = [...pick(annotations, selected.annotations), ...pick(labels, selected.labels)];
  return {
    uid,
    name,
    namespace: text(metadata["namespace"]),
    workload: workloadOf({ name, node, labels, owner: ownerOf(metadata) }),
    containers: containersOf(record(record(object)["status"])),
    labels: encodeLabels(new Map(chosen)),
    allLabels: encodeLabels(new Map([...chosen, ...pick(labels, Object.keys(labels)).slice(0, MAX_LABELS)])),
  };
}

interface Owner {
  readonly kind: string;
  readonly name: string;
}

function ownerOf(metadata: Json): Owner | undefined {
  const owners = list(metadata["ownerReferences"]).map(record);
  const owner = owners.find((owner) => owner["controller"] === true) ?? owners[0];
  return owner && { kind: text(owner["kind"]), name: text(owner["name"]) };
}

/**
 * Names the workload without asking for its objects, so that the right to see pods suffices: a Deployment's
 * ReplicaSets are called `DEPLOYMENT-HASH` with the hash in the pod's labels, and a CronJob's Jobs
 * `CRONJOB-TIME` with the time in minutes (before Kubernetes 1.21 in seconds) since 1970.
 */
function workloadOf(
  { name, node, labels, owner }: { name: string; node: string; labels: Json; owner: Owner | undefined },
): string {
  switch (owner?.kind) {
    case undefined:
    case "Node":
      // A static pod is called after its manifest and its node.
      return name.endsWith(`-${node}`) ? name.slice(0, -node.length - 1) || name : name;
    case "ReplicaSet": {
      const hash = text(labels["pod-template-hash"]) || text(labels["rollouts-pod-template-hash"]);
      return hash !== "" && owner!.name.endsWith(`-${hash}`)
        ? owner!.name.slice(0, -hash.length - 1) || owner!.name
        : owner!.name;
    }
    case "Job":
      return owner!.name.replace(/(?<=.)-(\d{8}|\d{10})$/, "");
    default:
      return owner!.name || name;
  }
}

/** A container that was restarted has its last id in `lastState`: its samples may still be on their way. */
function containersOf(status: Json): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const field of ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"]) {
    for (const container of list(status[field]).map(record)) {
      const terminated = [container["state"], container["lastState"]].map((state) => {
        return record(record(state)["terminated"])["containerID"];
      });
      for (const id of [container["containerID"], ...terminated]) {
        // `containerd://ID`
        const bare = text(id).replace(/^[a-z0-9+.-]*:\/\//, "");
        if (bare !== "") names.set(bare, text(container["name"]));
      }
    }
  }
  return names;
}

function pick(from: Json, keys: readonly string[]): [string, string][] {
  return keys.flatMap((key) => typeof from[key] === "string" ? [[key, from[key]] as [string, string]] : []);
}

function record(value: unknown): Json {
  return typeof value === "object" && value !== null ? value as Json : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
