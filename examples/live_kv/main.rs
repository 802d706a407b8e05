//! A sharded key-value store whose shards move while clients write to them: bulk copy, catching
//! up, fence, verification, cutover, and clients that follow.
//!
//! `cargo run --release --example live_kv`
//!
//! Each shard is a redb file in the folder of its node. What the files have to remember, and when,
//! so that no acknowledged write is lost and no two nodes serve one shard, is in `docs/LIVE.md`;
//! `marks.rs` has the rules, `mover.rs` the steps, `tests/` the crashes.
//!
//! `cargo test --example live_kv`

#![expect(clippy::print_stdout, reason = "an example shows what it does")]
#![expect(clippy::print_stderr, reason = "an example shows what goes wrong")]

mod mover;

mod marks;
mod token;

mod node;
mod nodes;
mod steps;

mod group;
mod rows;
mod shard_file;

mod cluster;

mod client;
mod journal;

mod audit;
mod report;
mod rig;
mod run;

mod error;
mod options;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use options::{Options, USAGE};

/// An acknowledged write is missing, or was served by two owners.
const VIOLATION: u8 = 1;
/// It could not be run.
const FAILURE: u8 = 2;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(FAILURE);
        }
    };
    live(&options)
}

/// Runs, and says what there is to say.
fn live(options: &Options) -> ExitCode {
    let say = |line: String| {
        if !options.json {
            println!("{line}");
        }
    };
    match run::run(options, &say) {
        Ok(report) => {
            if options.json {
                println!("{:#}", report.json());
            } else {
                println!("\n{report}");
            }
            if report.audit.violations.is_empty() {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(VIOLATION)
            }
        }
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because: {error}");
                cause = error.source();
            }
            ExitCode::from(FAILURE)
        }
    }
}
