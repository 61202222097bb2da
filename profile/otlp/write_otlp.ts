// SPDX-License-Identifier: Apache-2.0
/**
 * Writes a batch as OTLP's `ExportProfilesServiceRequest`, in the form of release 1.10.
 *
 * A series is a resource, each type of value a profile of the batch's window, each stack a sample of one value without
 * times. CPU time is samples and their period, the one form that others take for CPU time.
 *
 * @module
 */

import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { createHash } from "node:crypto";
import { decodeLabels } from "../labels.ts";
import { type Batch, frameAt, OUTCOME_NUMBER, type Series, seriesAt } from "../model.ts";
import { isProfileType, profileTypeParts } from "../profile_type.ts";
import { samplesOf } from "../samples_of.ts";
import { anyValue, type AttributeValue, number, packed, Tables } from "./tables.ts";

const LENGTH_DELIMITED = 2;
const FIXED64 = 1;

/** Begins the names of labels of pods. */
export const POD_LABEL = "k8s.pod.label.";

interface Type {
  readonly type: string;
  readonly unit: string;
}

/** Is a profile to be: what its values are, and the samples of it. */
interface Draft {
  readonly series: number;
  readonly type: Type;
  readonly period: Type;
  readonly periodValue: number;
  /** Holds values by rows of the stack table. */
  readonly values: Map<number, number>;
}

/** Returns the bytes of the request that carries `batch`; `undefined` where it has no samples. */
export function writeOtlp(batch: Batch): Uint8Array<ArrayBuffer> | undefined {
  const drafts = draftsOf(batch);
  if (drafts.length === 0) return undefined;
  const tables = new Tables();
  const writer = new BinaryWriter();
  for (const [series, own] of Map.groupBy(drafts, ({ series }) => series)) {
    const labels = seriesAt(batch, series);
    writer.tag(1, LENGTH_DELIMITED).fork();
    writer.tag(1, LENGTH_DELIMITED).fork();
    for (const [key, value] of resourceOf(labels, batch.node)) {
      writer.tag(1, LENGTH_DELIMITED).fork();
      writer.tag(1, LENGTH_DELIMITED).string(key);
      writer.tag(2, LENGTH_DELIMITED).bytes(anyValue(value));
      writer.join();
    }
    writer.join();
    writer.tag(2, LENGTH_DELIMITED).fork();
    writer.tag(1, LENGTH_DELIMITED).fork();
    writer.tag(1, LENGTH_DELIMITED).string("aperture");
    writer.tag(2, LENGTH_DELIMITED).string(batch.agentVersion);
    writer.join();
    for (const draft of own) {
      writer.tag(2, LENGTH_DELIMITED).bytes(profileBytes(draft, { batch, tables, thread: labels.comm }));
    }
    writer.join().join();
  }
  writer.tag(2, LENGTH_DELIMITED).fork();
  tables.write(writer);
  return writer.join().finish() as Uint8Array<ArrayBuffer>;
}

function profileBytes(
  draft: Draft,
  { batch, tables, thread }: { batch: Batch; tables: Tables; thread: string },
): Uint8Array {
  const writer = new BinaryWriter();
  const type = (field: number, { type, unit }: Type) => {
    writer.tag(field, LENGTH_DELIMITED).fork();
    number(writer, 1, tables.string(type));
    number(writer, 2, tables.string(unit));
    writer.join();
  };
  const attributes = thread === "" ? [] : [tables.attribute("thread.name", thread)];
  type(1, draft.type);
  for (const [stack, value] of draft.values) {
    writer.tag(2, LENGTH_DELIMITED).fork();
    number(writer, 1, tables.stack(framesOf(batch, stack)));
    packed(writer, 2, attributes);
    packed(writer, 4, [value]);
    writer.join();
  }
  writer.tag(3, FIXED64).fixed64(batch.startNs);
  number(writer, 4, Number(batch.endNs - batch.startNs));
  if (draft.period.type !== "") {
    type(5, draft.period);
    number(writer, 6, draft.periodValue);
  }
  writer.tag(7, LENGTH_DELIMITED).bytes(idOf(draft, batch));
  return writer.finish();
}

/** Makes the id of a profile: 16 bytes, the same whenever it is sent. */
function idOf({ series, type, period, periodValue }: Draft, { agentId, epoch, sequence }: Batch): Uint8Array {
  const name = JSON.stringify([agentId, String(epoch), sequence, series, type, period, periodValue]);
  return createHash("sha256").update(name).digest().subarray(0, 16);
}

function framesOf(batch: Batch, stack: number) {
  const { offset, frame } = batch.stacks;
  return Array.from(frame.subarray(offset[stack], offset[stack + 1]), (row) => frameAt(batch, row));
}

/** Names the labels of a series as OpenTelemetry does. */
function resourceOf(series: Series, node: string): readonly (readonly [string, AttributeValue])[] {
  const { service, namespace, pod, container, exe, pid } = series;
  const all: (readonly [string, AttributeValue])[] = [
    ["service.name", service],
    ["host.name", node],
    ["k8s.node.name", pod === "" ? "" : node],
    ["k8s.namespace.name", namespace],
    ["k8s.pod.name", pod],
    [pod === "" ? "container.id" : "k8s.container.name", container],
    ["process.executable.path", exe],
    ["process.pid", pid],
    ...[...decodeLabels(series.labels)].map(([key, value]) => [POD_LABEL + key, value] as const),
  ];
  return all.filter(([, value]) => value !== "" && value !== 0);
}

const CPU: Type = { type: "cpu", unit: "nanoseconds" };
const NONE: Type = { type: "", unit: "" };

function draftsOf(batch: Batch): Draft[] {
  const drafts = new Map<string, Draft>();
  const add = (of: Omit<Draft, "values">, stack: number, value: number) => {
    if (value === 0) return;
    const key = JSON.stringify([of.series, of.type, of.period, of.periodValue]);
    let draft = drafts.get(key);
    if (!draft) drafts.set(key, draft = { ...of, values: new Map() });
    draft.values.set(stack, (draft.values.get(stack) ?? 0) + value);
  };
  const cpu = samplesOf(batch, "cpu");
  for (let i = 0; i < cpu.series.length; i++) {
    const [series, stack, value, count] = [cpu.series[i]!, cpu.stack[i]!, cpu.value[i]!, cpu.count[i]!];
    const period = count > 0 ? value / count : 0;
    // Time that is no multiple of its samples is sent as time.
    if (Number.isInteger(period) && period > 0) {
      add(
        { series, type: { type: "samples", unit: "count" }, period: CPU, periodValue: period },
        stack,
        count,
      );
    } else add({ series, type: CPU, period: CPU, periodValue: Math.round(period) }, stack, value);
  }
  const pair = (
    name: string,
    [amount, times]: readonly [string, string],
    row: { readonly series: number; readonly stack: number; readonly value: number; readonly count: number },
  ) => {
    const of = { series: row.series, period: { type: name, unit: "count" }, periodValue: 1 };
    add({ ...of, type: { type: amount, unit: "nanoseconds" } }, row.stack, row.value);
    add({ ...of, type: { type: times, unit: "count" } }, row.stack, row.count);
  };
  const { locks } = batch;
  for (let i = 0; i < locks.outcome.length; i++) {
    const woken = locks.outcome[i] === OUTCOME_NUMBER.woken;
    if (!woken && locks.outcome[i] !== OUTCOME_NUMBER.open) continue;
    const own = { value: locks.delay[i]!, count: woken ? locks.count[i]! : 0 };
    pair("block", ["delay", "contentions"], { series: locks.series[i]!, stack: locks.stack[i]!, ...own });
    if (locks.holderSeries[i] === 0) continue;
    const holder = { series: locks.holderSeries[i]! - 1, stack: locks.holderStack[i]! - 1 };
    pair("mutex", ["delay", "contentions"], { ...holder, ...own });
  }
  const calls = samplesOf(batch, "syscall");
  for (let i = 0; i < calls.series.length; i++) {
    pair("syscall", ["latency", "calls"], {
      ...{ series: calls.series[i]!, stack: calls.stack[i]! },
      ...{ value: calls.value[i]!, count: calls.count[i]! },
    });
  }
  for (const kind of batch.strings.filter(isProfileType)) {
    const { series, stack, value } = samplesOf(batch, kind);
    const { type, unit, periodType, periodUnit } = profileTypeParts(kind);
    const period = periodType === "" ? NONE : { type: periodType, unit: periodUnit };
    for (let i = 0; i < series.length; i++) {
      add({ series: series[i]!, type: { type, unit }, period, periodValue: 1 }, stack[i]!, value[i]!);
    }
  }
  return [...drafts.values()];
}
