// SPDX-License-Identifier: Apache-2.0
/** The value of one YAML document; throws a SyntaxError for what is none. */
export function parse(content: string): unknown;
/** The values of all documents, which `---` separates. */
export function parseAll(content: string): unknown[];
