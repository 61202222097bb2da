// SPDX-License-Identifier: Apache-2.0
/**
 * Makes batches of what others push: read, sorted by node and bucket of time, relabelled, written and checked.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { VERSION } from "../../../common/main.ts";
import { relabelProfile } from "../../../profile/relabel/relabel_profile.ts";
import { parseRules, type Rule } from "../../../profile/relabel/rules.ts";
import { writeBatch } from "../../../profile/wire/write_batch.ts";
import { checkBatch, type CheckedBatch } from "../../ingest/checked_batch.ts";
import { Windows } from "../intake/windows.ts";
import { readJson } from "../otlp/read_json.ts";
import { readProto, utf8 } from "../otlp/read_proto.ts";
import { takeOtlp } from "../otlp/take_otlp.ts";
import { formOfVersion } from "../otlp/version.ts";
import { readIngest } from "../sdk/read_ingest.ts";
import { readSeries } from "../sdk/read_series.ts";
import type { Decoded, DecodeRequest, Taken } from "./request.ts";

const ONE: Taken = { profiles: 1, rejected: 0, message: "" };

/** Decodes `body` here and now; it is a {@linkcode Decoder}'s `decode`. */
export async function decode(request: DecodeRequest, body: Uint8Array): Promise<Decoded> {
  const windows = new Windows();
  const { taken, said } = await read(request, body, windows);
  const content = createHash("sha256").update(said).update(body).digest("hex").slice(0, 32);
  const rules = rulesOf(request.rules);
  let dropped = 0;
  const batches = windows.finish().map(({ profile, ...window }, i): CheckedBatch => {
    const relabelled = relabelProfile(profile, window.node, rules);
    dropped += relabelled.dropped;
    const { protocol: agentId, epoch } = request;
    const bytes = writeBatch({
      ...{ ...relabelled.profile, ...window },
      ...{ agentId, epoch, sequence: request.sequence + i, agentVersion: VERSION },
      losses: new Map<string, number>(),
    });
    const { meta, events } = checkBatch(bytes);
    return { bytes, events, meta: { ...meta, content: `${content}/${i}` } };
  });
  return { ...taken, dropped, batches };
}

/** @returns what was said beside the body, which makes another content of the same body */
async function read(
  request: DecodeRequest,
  body: Uint8Array,
  windows: Windows,
): Promise<{ taken: Taken; said: string }> {
  const { address } = request;
  const nowNs = BigInt(request.nowMs) * 1_000_000n;
  switch (request.protocol) {
    case "otlp": {
      const form = formOfVersion(request.versions);
      const message = request.encoding === "json" ? readJson(utf8(body)) : readProto(body, form);
      return { taken: takeOtlp(message, windows, { nowNs, address }), said: "" };
    }
    case "push": {
      const { labels } = request;
      await readSeries(labels, body, { nowNs, address, windows });
      return { taken: ONE, said: JSON.stringify(labels.map(({ name, value }) => [name, value])) };
    }
    case "ingest": {
      const { search, contentType } = request;
      await readIngest(body, { search, contentType, nowNs, address, windows });
      return { taken: ONE, said: search };
    }
  }
}

let known: { readonly text: string; readonly rules: readonly Rule[] } | undefined;

/** Returns the rules in `text`, which are parsed when they change. */
function rulesOf(text: string | undefined): readonly Rule[] {
  if (text === undefined) return [];
  if (known?.text !== text) known = { text, rules: parseRules(text) };
  return known.rules;
}
