// SPDX-License-Identifier: Apache-2.0
/**
 * The manifests as objects, for the tests that hold them to the programs.
 *
 * @module
 */

import { parseAll } from "@std/yaml/parse";

const FOLDER = new URL("../../deploy/", import.meta.url);

export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef?: { readonly name: string; readonly key: string; readonly optional?: boolean };
    readonly fieldRef?: { readonly fieldPath: string };
  };
}

export interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: string };
  readonly tcpSocket?: { readonly port: string };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly env?: readonly EnvVar[];
  readonly volumeMounts?: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
  readonly securityContext: {
    readonly privileged?: boolean;
    readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  };
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
}

export interface Volume {
  readonly name: string;
  readonly emptyDir?: unknown;
  readonly hostPath?: { readonly path: string };
  readonly configMap?: { readonly name: string };
  readonly secret?: { readonly secretName: string };
  readonly persistentVolumeClaim?: { readonly claimName: string };
}

export interface PodTemplate {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: {
    readonly serviceAccountName: string;
    readonly hostPID?: boolean;
    readonly containers: readonly Container[];
    readonly volumes?: readonly Volume[];
  };
}

/** Holds what the tests read of any object. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly stringData?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly template?: PodTemplate;
    readonly selector?: unknown;
    readonly [key: string]: unknown;
  };
}

/**
 * Returns the files of `deploy/` that are written by hand and are no kustomization, below it: `k8s/aggregator.yml`. What is for
 * Prometheus and Grafana is none of Kubernetes's.
 */
export function manifestFiles(folder = ""): string[] {
  return [...Deno.readDirSync(new URL(folder, FOLDER))].sort((a, b) => a.name < b.name ? -1 : 1).flatMap(
    (entry) => {
      if (entry.isDirectory) {
        return entry.name === "monitoring" ? [] : manifestFiles(`${folder}${entry.name}/`);
      }
      const isObject = /\.yml$/.test(entry.name) && entry.name !== "kustomization.yml";
      return isObject ? [folder + entry.name] : [];
    },
  );
}

/** Returns the objects of one file of `deploy/`. */
export function readManifests(file: string): Manifest[] {
  return parseAll(Deno.readTextFileSync(new URL(file, FOLDER))) as Manifest[];
}

/** Returns the pod templates of `objects`, each with what makes its pods. */
export function podTemplates(objects: readonly Manifest[]): { owner: Manifest; template: PodTemplate }[] {
  return objects.flatMap((owner) => owner.spec?.template ? [{ owner, template: owner.spec.template }] : []);
}
