// SPDX-License-Identifier: Apache-2.0
/**
 * Declares what REST answers of agents, of files of code, and of storage.
 *
 * @module
 */

import type { Total } from "../../profile/model.ts";
import type { AnswerJson, CostJson } from "./answer_parts.ts";

export interface FleetJson {
  readonly agents: readonly {
    readonly node: string;
    readonly agent_id: string;
    readonly version: string;
    readonly started: string;
    readonly last_end: string;
    readonly runs: number;
    readonly batches: number;
    readonly values: Readonly<Record<string, number>>;
    readonly losses: Readonly<Record<string, number>>;
    readonly stack_ends: Readonly<Record<string, number>>;
    readonly usage: { readonly cores: number; readonly memory_bytes: number } | null;
  }[];
  readonly cost: CostJson;
}

export interface WindowsJson {
  readonly from: string;
  readonly step: number;
  /** Has for each step the agents that sent windows, and the events that they counted and lost. */
  readonly agents: readonly number[];
  readonly counted: readonly number[];
  readonly lost: readonly number[];
  readonly cost: CostJson;
}

export interface BuildsJson {
  readonly builds: readonly {
    readonly module: string;
    readonly build_id: string;
    readonly first: string;
    readonly last: string;
  }[];
  readonly cost: CostJson;
}

export interface CoverageJson extends AnswerJson {
  readonly files: readonly {
    readonly module: string;
    readonly build_id: string;
    readonly nameable: boolean;
    readonly total: Total;
    readonly unnamed: Total;
    readonly without_lines: Total;
  }[];
}

export interface StoreJson {
  readonly tables: readonly {
    readonly name: string;
    readonly rows: number;
    readonly bytes: number;
    readonly parts: number;
    readonly partitions: number;
    readonly oldest: string | null;
    readonly newest: string | null;
  }[];
  readonly disk: { readonly free: number; readonly total: number };
  readonly cost: CostJson;
}

/** Is a debug file whose names are in storage. */
export interface DebugFileJson {
  readonly build_id: string;
  /** Says how good its best names are: 1 dynamic symbols, 2 a symbol table, 3 debug information. */
  readonly rank: number;
  readonly source: "upload" | "debuginfod";
  /** Counts ranges of addresses that have names. */
  readonly ranges: number;
}

export interface SymbolsJson {
  readonly files: readonly DebugFileJson[];
}

export interface SymbolsUploadJson {
  readonly file: DebugFileJson;
  /** Counts locations in storage that have better names now. */
  readonly named: number;
}
