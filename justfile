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
