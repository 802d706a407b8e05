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

# The conformance suite of movers at every report of the directory mover
conformance:
    cargo test --test it conformance::directory -- --ignored --nocapture

# The release binary, killed at 10,000 random moments (about 15 minutes)
kill kills="10000":
    SHARDFERRY_KILLS={{kills}} cargo test --release -p shardferry-cli --test it chaos -- --nocapture

# The release binary, killed before every call that writes, in a script of commands (about 5 minutes)
kill-every-write:
    SHARDFERRY_STRIDE=1 cargo test --release -p shardferry-cli --test it every_write -- --nocapture

# Every call of the disk fails, once and for ever
io-errors:
    cargo test -p shardferry --test it io_errors -- --include-ignored --nocapture

# Random operations against the model, at length (optimized without a release build)
model cases="10000":
    CARGO_PROFILE_DEV_OPT_LEVEL=2 PROPTEST_CASES={{cases}} cargo test -p shardferry --test it model::

# Every state of the larger small worlds
search:
    CARGO_PROFILE_DEV_OPT_LEVEL=2 cargo test -p shardferry --lib world -- --ignored --nocapture --skip three_shards

# The same with three shards, which takes hours
search-three:
    CARGO_PROFILE_DEV_OPT_LEVEL=2 cargo test -p shardferry --lib world -- --ignored --nocapture three_shards

# Histories of threads, at length
linear rounds="5000":
    SHARDFERRY_ROUNDS={{rounds}} cargo test -p shardferry --test it linear::

# Data races: the threads under ThreadSanitizer. Needs nightly with rust-src.
tsan:
    RUSTFLAGS=-Zsanitizer=thread cargo +nightly test -Zbuild-std --target x86_64-unknown-linux-gnu \
        --target-dir target/tsan -p shardferry --test it -- threads:: linear::
