#!/usr/bin/env bash
# Every target for a short time: under the fuzzer where nightly and cargo-fuzz are to be had, and in
# any case as tests on stable. FUZZ_SECONDS: for each target, 10 without.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

say() { printf '\n==> fuzz: %s\n' "$*"; }

targets=(transitions decode_record open_file plan cluster_file)
seconds=${FUZZ_SECONDS:-10}

say "cargo test --no-default-features"
cargo test --no-default-features

usable() { cargo +nightly --version >/dev/null 2>&1 && cargo fuzz --version >/dev/null 2>&1; }

# Best effort, in bounded time; a machine without network still has the tests above.
if ! usable && command -v rustup >/dev/null 2>&1; then
    say "installing nightly and cargo-fuzz (best effort)"
    timeout 120 rustup toolchain install nightly --profile minimal >/dev/null 2>&1 || true
    cargo fuzz --version >/dev/null 2>&1 ||
        timeout 240 cargo install cargo-fuzz --locked >/dev/null 2>&1 || true
fi
if ! usable; then
    say "no nightly or no cargo-fuzz: the targets ran as tests only"
    exit 0
fi

# A sanitizer finds nothing in code without unsafe, and costs ten times as much.
say "build"
cargo +nightly fuzz build --sanitizer none -O
for target in "${targets[@]}"; do
    say "$target for $seconds s"
    mkdir -p "corpus/$target"
    cargo +nightly fuzz run "$target" --sanitizer none -O "corpus/$target" "seeds/$target" -- \
        -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 -malloc_limit_mb=1024 \
        -verbosity=0 -print_final_stats=1
done
