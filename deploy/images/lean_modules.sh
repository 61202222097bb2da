#!/bin/sh
# SPDX-License-Identifier: Apache-2.0

# lean_modules.sh DENO_DIR: removes of Deno's packages what compilers and debuggers read, and no program that runs: half of
# their bytes.
set -eu

packages=$1/npm
find "$packages" \( -name '*.map' -o -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' \) -delete
# Packages may have a compiler beside them whose types they support. Deno wants it to be there, and nothing runs it.
find "$packages" -path "*/typescript/*/lib/*" -type f -delete
