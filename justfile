# The recipes
default:
    @just --list

# The whole gate
ci:
    .ci/run

# The tests
test *args:
    cargo test --workspace {{args}}

# Format
fmt:
    cargo fmt --all

# Lint, warnings are errors
lint:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# The documentation, warnings are errors
doc *args:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features {{args}}

# Licences, sources and versions of the dependencies
deny:
    cargo deny --workspace check bans licenses sources

# What `cargo add shardferry` brings
tree:
    cargo tree -e normal -p shardferry

# Write golden fixtures that are missing
bless:
    SHARDFERRY_BLESS=1 cargo test -p migrations-schema --test it the_code_writes

# Fuzz a target: transitions, decode_record, open_file, plan, cluster_file
fuzz target seconds="60":
    mkdir -p fuzz/corpus/{{target}}
    cargo +nightly fuzz run {{target}} --sanitizer none -O fuzz/corpus/{{target}} fuzz/seeds/{{target}} -- \
        -max_total_time={{seconds}} -timeout=60 -rss_limit_mb=2048 -malloc_limit_mb=1024 -print_final_stats=1

# Every fuzz target for a short time
fuzz-ci:
    fuzz/ci.sh

# What the corpus of a target covers; needs llvm-tools-preview on nightly
fuzz-coverage target="transitions":
    fuzz/coverage.sh {{target}}

# Open so many damaged database files
mutate-files count="21000" seed="1":
    cd fuzz && cargo run --release --no-default-features --example mutate_files -- {{count}} {{seed}}
