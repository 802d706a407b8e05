#!/usr/bin/env bash
# Every target for a short time: as tests, then under libFuzzer where there is a compiler of C++ to
# build that with. Neither needs nightly or cargo-fuzz. FUZZ_SECONDS: for each target, 5 without.
# FUZZ_BUILD_SECONDS: what the build for libFuzzer may take, 150 without; what it did not finish stays
# for the next time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf '\n==> fuzz: %s\n' "$*"; }

# What the workspace above has built is not built again.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/../target}
targets=(transitions decode_record open_file read_log plan cluster_file)
seconds=${FUZZ_SECONDS:-5}

say "cargo test --no-default-features"
cargo test --no-default-features

if ! command -v "${CXX:-c++}" >/dev/null 2>&1; then
    say "no C++ compiler for libFuzzer: the targets ran as tests only"
    exit 0
fi

# What cargo-fuzz passes with `--sanitizer none`: a sanitizer finds nothing in code without unsafe, and
# costs ten times as much. In the profile of the tests, so that both share the build scripts and
# procedural macros, and numbers that overflow are found.
host=$(rustc -vV | sed -n 's/^host: //p')
coverage="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
coverage+=" -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
coverage+=" -Cllvm-args=-sanitizer-coverage-trace-compares"
say "build"
built=0
RUSTFLAGS="$coverage" timeout "${FUZZ_BUILD_SECONDS:-150}" cargo build --bins --target "$host" || built=$?
if [ "$built" -eq 124 ]; then
    say "the build took too long for the gate: the targets ran as tests only"
    exit 0
fi
[ "$built" -eq 0 ] || exit "$built"
for target in "${targets[@]}"; do
    say "$target for $seconds s"
    mkdir -p "corpus/$target" "artifacts/$target"
    "$CARGO_TARGET_DIR/$host/debug/$target" "corpus/$target" "seeds/$target" \
        -artifact_prefix="artifacts/$target/" -max_total_time="$seconds" -timeout=60 \
        -rss_limit_mb=2048 -malloc_limit_mb=1024 -verbosity=0 -print_final_stats=1
done
