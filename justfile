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
