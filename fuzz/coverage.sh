#!/usr/bin/env bash
# What the corpus of a target covers: fuzz/coverage.sh [TARGET] [FOLDER OF INPUTS ...]
# Lines of the machine, the store and the tracker. Needs nightly with llvm-tools-preview.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

target=${1:-transitions}
shift || true
inputs=("$@")
if [ ${#inputs[@]} -eq 0 ]; then
    mkdir -p "corpus/$target"
    inputs=("corpus/$target" "seeds/$target")
fi
cargo +nightly fuzz coverage "$target" --sanitizer none -O "${inputs[@]}"

host=$(rustc +nightly -vV | sed -n 's/^host: //p')
tools=$(rustc +nightly --print sysroot)/lib/rustlib/$host/bin
# cargo-fuzz builds into a folder of its own below the target folder, or below that of fuzz/.
binary=$(find "${CARGO_TARGET_DIR:-target}" target -path "*coverage*/release/$target" -type f 2>/dev/null | head -1)
"$tools/llvm-cov" report "$binary" -instr-profile="coverage/$target/coverage.profdata" \
    --ignore-filename-regex='(\.cargo|rustc|rustlib|/fuzz/|migrations-schema|/src/(planner|executor|movers|testkit)/|cli/)'
