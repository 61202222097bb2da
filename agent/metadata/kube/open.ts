// SPDX-License-Identifier: Apache-2.0
/**
 * Chooses who names the pods of this node, as the settings and the surroundings have it.
 *
 * @module
 */

import { UserError } from "../../../common/main.ts";
import type { AgentConfig } from "../../config.ts";
import { Pods } from "./pods.ts";

export type KubeConfig = Pick<
  AgentConfig,
  "kube" | "kubeAccount" | "kubeletUrl" | "kubeletCa" | "podLabels" | "podAnnotations"
>;

/**
 * Returns the pods of `node`, from whom `config.kube` says.
 *
 * @returns `undefined` where that is nobody: by choice, or outside of a cluster
 * @throws {UserError} when it was asked for and cannot be
 */
export function openPods(
  config: KubeConfig,
  { node, apiServer }: { node: string; apiServer: URL | undefined },
): Pods | undefined {
  const tokenFile = `${config.kubeAccount}/token`;
  const account = { tokenFile, caFile: `${config.kubeAccount}/ca.crt` };
  const selected = { labels: config.podLabels ?? [], annotations: config.podAnnotations ?? [] };
  switch (config.kube) {
    case "off":
      return undefined;
    case "auto":
      // Pods may go without a service account, and this is no reason not to profile.
      return apiServer && isFile(tokenFile)
        ? new Pods({ from: "api", client: { url: apiServer, ...account }, node, selected })
        : undefined;
    case "api":
      if (apiServer === undefined) {
        throw new UserError(
          "Cannot ask the API server for pods as this is not in a cluster: KUBERNETES_SERVICE_HOST is not set",
        );
      }
      requireFile(tokenFile);
      return new Pods({ from: "api", client: { url: apiServer, ...account }, node, selected });
    case "kubelet": {
      const url = config.kubeletUrl ?? new URL(`https://${node}:10250`);
      // The read-only port asks for no token.
      if (url.protocol === "https:") requireFile(tokenFile);
      const client = { url, tokenFile, caFile: config.kubeletCa ?? account.caFile };
      return new Pods({ from: "kubelet", client, node, selected });
    }
  }
}

function requireFile(path: string): void {
  if (!isFile(path)) {
    throw new UserError(
      `Cannot ask Kubernetes for pods as there is no service account's token: ${path} is not there`,
    );
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
