//! Opens many damaged files and counts what became of them.
//!
//!     cargo run --release --no-default-features --example mutate_files -- 21000 [SEED]
//!
//! A child process opens them, under a limit of memory (`ulimit -v`) and of time for each file. One
//! that panics is counted by the child; one that ends the child or hangs is counted here, and
//! another child goes on behind it. File N of a seed is the same each time.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use shardferry_fuzz::open_file::{self, Outcome};
use shardferry_fuzz::random::Random;

/// A file takes milliseconds; this is for a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// Of address space, in KiB.
const MEMORY_KIB: u32 = 4 * 1024 * 1024;

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let first = args.next();
    let child = first.as_deref() == Some("child");
    let mut number = |usual: u64| {
        args.next()
            .map_or(usual, |text| text.parse().expect("a number"))
    };
    if child {
        let (seed, from, to) = (number(0), number(0), number(0));
        (from..to).for_each(|at| one(seed, at));
        return ExitCode::SUCCESS;
    }
    let count = first.map_or(21_000, |text| text.parse().expect("a number of files"));
    parent(count, number(1))
}

/// The child's part: says what it tries, then what became of it.
fn one(seed: u64, at: u64) {
    let say = |line: String| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{line}")
            .and_then(|()| out.flush())
            .expect("the parent reads");
    };
    say(format!("try {at}"));
    let mut random = Random::new(seed ^ at.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let len = 8 + random.below(40);
    let input = random.bytes(len);
    let opened = catch_unwind(AssertUnwindSafe(|| open_file::open(&input)));
    let (base, mutations) = open_file::mutations(&input);
    match opened {
        // Which rows a file fell back to depends on how it was committed, and how it was left.
        Ok(outcome @ Outcome::CleanButOther(_)) => {
            say(format!("end {outcome:?}, of \"{}\"", base.name));
        }
        Ok(outcome) => say(format!("end {outcome:?}")),
        Err(_) => {
            eprintln!("file {at}: {} {mutations:?}", base.name);
            say("end PANIC".to_owned());
        }
    }
}

fn parent(count: u64, seed: u64) -> ExitCode {
    let started = Instant::now();
    let mut table: BTreeMap<String, u64> = BTreeMap::new();
    let mut from = 0;
    while from < count {
        let end = batch(seed, from, count, &mut table);
        from = end;
    }
    let took = started.elapsed().as_secs_f64();
    println!("{count} damaged files of seed {seed} in {took:.0} s:");
    for (outcome, files) in &table {
        println!("{files:8}  {outcome}");
    }
    let bad = ["PANIC", "ENDED", "HUNG"]
        .iter()
        .filter_map(|name| table.get(*name))
        .sum::<u64>();
    println!("{bad:8}  bad");
    if bad == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// One child, until it is done, ends or hangs; the file to go on with.
fn batch(seed: u64, from: u64, to: u64, table: &mut BTreeMap<String, u64>) -> u64 {
    let program = std::env::current_exe().expect("a program");
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(format!("ulimit -v {MEMORY_KIB}; exec \"$0\" \"$@\""))
        .arg(program)
        .args([
            "child".to_owned(),
            seed.to_string(),
            from.to_string(),
            to.to_string(),
        ])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let out = BufReader::new(child.stdout.take().expect("its output"));
    let (send, lines) = channel();
    std::thread::spawn(move || {
        for line in out.lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    let mut at = from;
    let mut trying = false;
    let how = loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) if line.starts_with("try ") => trying = true,
            Ok(line) => {
                let outcome = line.trim_start_matches("end ");
                *table.entry(outcome.to_owned()).or_default() += 1;
                trying = false;
                at += 1;
            }
            Err(RecvTimeoutError::Timeout) => break "HUNG",
            Err(RecvTimeoutError::Disconnected) => break "ENDED",
        }
    };
    // It has ended, or has to.
    let _ = child.kill();
    let status = child.wait().expect("a child ends");
    if trying || (at < to && how == "HUNG") || (at < to && !status.success()) {
        eprintln!("file {at}: the child {how} ({status})");
        *table.entry(how.to_owned()).or_default() += 1;
        at += 1;
    }
    at
}
