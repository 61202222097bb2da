// SPDX-License-Identifier: Apache-2.0
/**
 * A gRPC load balancing policy for a name that stands for several replicas: each client has its own order of the
 * addresses, and uses the first that answers.
 *
 * So agents spread over the replicas, and each keeps to one: a batch that is sent again reaches the replica that may
 * have it already, and knows it. Taking turns (`round_robin`) would store such a batch twice; `pick_first` with
 * `shuffleAddressList` leaves a list of two as it is in grpc-js 1.14.
 *
 * @module
 */

import { type ChannelOptions, experimental } from "@grpc/grpc-js";
import { createHash } from "node:crypto";

type Config = experimental.TypedLoadBalancingConfig;

const NAME = "aperture_replica_order";

/**
 * Returns the channel options that make a client use the policy.
 *
 * @param seed gives the order; the same one the same order
 */
export function replicaOrder(seed: string = crypto.randomUUID()): ChannelOptions {
  if (!experimental.isLoadBalancerNameRegistered(NAME)) {
    experimental.registerLoadBalancerType(NAME, Spread, SpreadConfig);
  }
  return {
    "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ [NAME]: { seed } }] }),
    // Nobody is asked for another policy, which resolvers that do not answer would make slow.
    "grpc.service_config_disable_resolution": 1,
  };
}

/** Returns `addresses` in the order of a seed; when one goes, the order of the others stays. */
export function inOrderOf(seed: string, addresses: readonly string[]): string[] {
  const key = (address: string) => createHash("sha256").update(`${seed} ${address}`).digest("hex");
  const keys = new Map(addresses.map((address) => [address, key(address)]));
  return addresses.toSorted((a, b) => keys.get(a)! < keys.get(b)! ? -1 : 1);
}

class SpreadConfig implements Config {
  readonly seed: string;

  constructor(seed = "") {
    this.seed = seed;
  }

  getLoadBalancerName(): string {
    return NAME;
  }

  toJsonObject(): object {
    return { [NAME]: { seed: this.seed } };
  }

  static createFromJson({ seed }: { seed: string }): SpreadConfig {
    return new SpreadConfig(seed);
  }
}

/** `pick_first`, given the addresses in another order. */
class Spread extends experimental.ChildLoadBalancerHandler {
  override updateAddressList(
    found: experimental.StatusOr<experimental.Endpoint[]>,
    config: Config,
    options: ChannelOptions,
    note: string,
  ): boolean {
    const first = experimental.parseLoadBalancingConfig({ pick_first: {} });
    if (!found.ok || !(config instanceof SpreadConfig)) {
      return super.updateAddressList(found, first, options, note);
    }
    const byName = new Map(
      found.value.map((endpoint) => [experimental.endpointToString(endpoint), endpoint]),
    );
    const ordered = inOrderOf(config.seed, [...byName.keys()]).map((name) => byName.get(name)!);
    return super.updateAddressList(experimental.statusOrFromValue(ordered), first, options, note);
  }

  override getTypeName(): string {
    return NAME;
  }
}
