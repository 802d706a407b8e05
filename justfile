# The recipes
default:
    @just --list

# The whole gate
ci:
    .ci/run

# The tests
test *args:
    cargo test --workspace {{args}}

# A million images of what a loss of power may leave (SHARDFERRY_IMAGES, SHARDFERRY_SEED)
crash:
    SHARDFERRY_IMAGES=${SHARDFERRY_IMAGES:-1000000} cargo test --release -p shardferry --test it power_loss -- --include-ignored --nocapture

# Bugs planted in a copy of the tree, which the tests of power loss must catch
bites *names:
    tests/bites/run {{names}}

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

# The conformance suite of movers at every report of the directory mover
conformance:
    cargo test --test it conformance::directory -- --ignored --nocapture

# The conformance suite of movers with programs: a shell script at every report, and the rsync example
conformance-command:
    cargo test --test it conformance::command -- --ignored --nocapture

# The release binary, killed at 10,000 random moments (about 15 minutes)
kill kills="10000":
    SHARDFERRY_KILLS={{kills}} cargo test --release -p shardferry-cli --test it chaos -- --nocapture

# The release binary, killed before every call that writes, in a script of commands (about 5 minutes)
kill-every-write:
    SHARDFERRY_STRIDE=1 cargo test --release -p shardferry-cli --test it every_write -- --nocapture

# The example whose shards move under writes, killed at random moments
kill-live kills="200":
    LIVE_KV_KILLS={{kills}} cargo test --example live_kv killed:: -- --nocapture

# Executors that are killed, hang and come back late, in one process (SHARDFERRY_SEED)
chaos-executors rounds="12000":
    SHARDFERRY_ROUNDS={{rounds}} cargo test -p shardferry --test it chaos_executors -- --nocapture

# Every call of the disk fails, once and for ever
io-errors:
    cargo test -p shardferry --test it io_errors -- --include-ignored --nocapture

# Random operations against the model, at length (optimized without a release build)
model cases="10000":
    CARGO_PROFILE_DEV_OPT_LEVEL=2 PROPTEST_CASES={{cases}} cargo test -p shardferry --test it model::

# Every state of the larger small worlds
search:
    CARGO_PROFILE_DEV_OPT_LEVEL=2 cargo test -p shardferry --lib world -- --ignored --nocapture --skip three_shards

# Every state of three shards, three nodes and two executors: minutes
search-three:
    CARGO_PROFILE_DEV_OPT_LEVEL=2 cargo test -p shardferry --lib world -- --ignored --nocapture three_shards

# Histories of threads, at length
linear rounds="5000":
    SHARDFERRY_ROUNDS={{rounds}} cargo test -p shardferry --test it linear::

# Data races: the threads under ThreadSanitizer. Needs nightly with rust-src.
tsan:
    RUSTFLAGS=-Zsanitizer=thread cargo +nightly test -Zbuild-std --target x86_64-unknown-linux-gnu \
        --target-dir target/tsan -p shardferry --test it -- threads:: linear::

# Schedules of threads, chosen at every lock and atomic of ours and of redb (SHARDFERRY_SCHEDULES)
shuttle *args:
    tests/shuttle/run {{args}}

# Bugs of threads planted in the copy, which these schedules must find
shuttle-bites:
    tests/shuttle/bites

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

# Tables about the planner: clusters, growth, memory, peers, roadef, openb, disk (SHARDFERRY_DATA for two of them)
bench-planner *args:
    cd bench && cargo run --release --bin planner -- {{args}}

# Tables about the tracker: transitions, progress, reads, planning, growth, restart, footprint, soak, movers (--tiny, --rows N)
bench-tracker *args:
    cd bench && cargo run --release --bin tracker -- {{args}}
