// SPDX-License-Identifier: Apache-2.0
/**
 * Metrics as Prometheus's own library reads them.
 *
 * @module
 */

import { runProgram } from "./child.ts";
import { TempFolder } from "./programs.ts";

const PROGRAM = `
import json, sys
from prometheus_client.parser import text_string_to_metric_families
with open(sys.argv[1]) as file:
    print(json.dumps([
        {"name": family.name, "type": family.type, "help": family.documentation,
         "samples": [{"name": s.name, "labels": s.labels, "value": s.value} for s in family.samples]}
        for family in text_string_to_metric_families(file.read())
    ]))
`;

interface Family {
  /** It is without the `_total` of counters. */
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly samples: readonly {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

/** Holds what one scrape said. */
export class Scrape {
  readonly families: readonly Family[];

  private constructor(families: readonly Family[]) {
    this.families = families;
  }

  /** Asks `url`, and has the answer read by `python3-prometheus-client`. */
  static async of(url: string): Promise<Scrape> {
    const response = await fetch(url);
    const text = await response.text();
    if (!response.ok) throw new Error(`${url} answers ${response.status}: ${text}`);
    using folder = new TempFolder();
    const path = folder.write("metrics", text);
    const { code, stdout, stderr } = await runProgram("/usr/bin/python3", ["-c", PROGRAM, path]);
    if (code !== 0) throw new Error(`Prometheus's library cannot read ${url}: ${stderr}\n${text}`);
    return new Scrape(JSON.parse(stdout));
  }

  /** Returns the value of the sample `name`, summed over those with `labels`; throws where there is none. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.#samples(name, labels).reduce((sum, { value }) => sum + value, 0);
  }

  /** Returns the values of `name` that are not 0, by `label`, summed over the other labels. */
  by(label: string, name: string, labels: Readonly<Record<string, string>> = {}): Map<string, number> {
    const sums = new Map<string, number>();
    for (const { labels: { [label]: key }, value } of this.#samples(name, labels)) {
      if (value !== 0) sums.set(key!, (sums.get(key!) ?? 0) + value);
    }
    return sums;
  }

  #samples(name: string, labels: Readonly<Record<string, string>>) {
    const found = this.families.flatMap(({ samples }) => samples).filter((sample) => {
      return sample.name === name &&
        Object.entries(labels).every(([key, text]) => sample.labels[key] === text);
    });
    if (found.length === 0) throw new Error(`There is no ${name} with ${JSON.stringify(labels)}`);
    return found;
  }
}
