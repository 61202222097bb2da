// SPDX-License-Identifier: Apache-2.0
/**
 * Reads what a manifest asks of the runtime, for running its image without a cluster.
 *
 * @module
 */

import { parseAll } from "@std/yaml/parse";

/** The one container of a pod. */
export interface PodSpec {
  readonly env: Readonly<Record<string, string>>;
  /** `uid:gid`; `undefined` is the image's own. */
  readonly user: string | undefined;
  readonly capabilities: "all" | readonly string[];
  readonly hostPid: boolean;
  /** A host folder, or `tmpfs` for an emptyDir, by where it is mounted. */
  readonly mounts: Readonly<Record<string, string>>;
}

interface SecurityContext {
  readonly privileged?: boolean;
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly capabilities?: { readonly add?: readonly string[] };
}

interface Workload {
  readonly kind: string;
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly hostPID?: boolean;
        readonly securityContext?: SecurityContext;
        readonly volumes: readonly { name: string; emptyDir?: unknown; hostPath?: { path: string } }[];
        readonly containers: readonly [{
          readonly env: readonly {
            name: string;
            value?: string;
            valueFrom?: { fieldRef?: { fieldPath: string } };
          }[];
          readonly securityContext: SecurityContext;
          readonly volumeMounts: readonly { name: string; mountPath: string }[];
        }];
      };
    };
  };
}

/** Returns what the first object of `kind` in the file `path` says; its Secrets are not there. */
export async function podSpecOf(path: string, kind: string): Promise<PodSpec> {
  const objects = parseAll(await Deno.readTextFile(path)) as Workload[];
  const { spec } = objects.find((object) => object.kind === kind)!.spec.template;
  const [container] = spec.containers;
  const { privileged, capabilities, ...own } = container.securityContext;
  const { runAsUser, runAsGroup } = { ...spec.securityContext, ...own };
  const env = container.env.flatMap(({ name, value, valueFrom }) => {
    if (value !== undefined) return [[name, value]];
    return valueFrom?.fieldRef?.fieldPath === "spec.nodeName" ? [[name, kind.toLowerCase()]] : [];
  });
  const sources = new Map(spec.volumes.map(({ name, hostPath }) => [name, hostPath?.path ?? "tmpfs"]));
  return {
    env: Object.fromEntries(env),
    user: runAsUser === undefined ? undefined : `${runAsUser}:${runAsGroup ?? 0}`,
    capabilities: privileged ? "all" : capabilities?.add ?? [],
    hostPid: spec.hostPID ?? false,
    mounts: Object.fromEntries(
      container.volumeMounts.map(({ name, mountPath }) => [mountPath, sources.get(name)!]),
    ),
  };
}
