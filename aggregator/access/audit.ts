// SPDX-License-Identifier: Apache-2.0
/**
 * Says in the log who was refused, and who changed what.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { Burst } from "../../common/log.ts";
import type { Principal } from "./tokens.ts";

/** Says of a call what it was for, and where it came from. */
export interface Called {
  readonly what: string;
  readonly address: string;
}

/** Writes lines of category `audit`. */
export class Audit {
  readonly #logger = getLogger(["aperture", "audit"]);
  readonly #burst = new Burst(this.#logger);

  /** Says that something was refused, once a burst for each address and `why`. */
  refused({ what, address }: Called, why: string): void {
    this.#burst.warn(`${address} ${why}`, `Refused ${what} to ${address}, ${why}`);
  }

  /** Says that something was changed, each time; where no token is set, nobody knows by whom. */
  changed(principal: Principal | undefined, { what, address }: Called): void {
    const who = principal ? `'${principal.name}'` : "Somebody";
    this.#logger.info("{who} at {address} {what}", { who, address, what });
  }
}
