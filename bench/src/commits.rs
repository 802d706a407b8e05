//! `commits [--tiny]`: durable transitions per second, by callers at the same time, beside a bare
//! write and `fdatasync` of 4 KiB in the same folder (`TMPDIR`). Medians of several runs in turn.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use shardferry::{MigrationTracker, NodeId, ShardId};
use tempfile::TempDir;

/// Callers at the same time.
const CALLERS: [u64; 4] = [1, 8, 64, 256];

struct Length {
    each: Duration,
    runs: usize,
}

fn main() -> ExitCode {
    let length = match std::env::args().nth(1).as_deref() {
        None => Length {
            each: Duration::from_secs(2),
            runs: 5,
        },
        Some("--tiny") => Length {
            each: Duration::from_millis(20),
            runs: 1,
        },
        Some(other) => {
            eprintln!("`{other}` is no option; there is --tiny");
            return ExitCode::from(2);
        }
    };
    match run(&length) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(length: &Length) -> Result<(), Box<dyn std::error::Error>> {
    let mut bare = Vec::new();
    let mut by_callers = vec![Vec::new(); CALLERS.len()];
    for _ in 0..length.runs {
        let folder = TempDir::new()?;
        bare.push(bare_syncs(&folder.path().join("bare"), length.each)?);
        for (callers, rates) in CALLERS.iter().zip(&mut by_callers) {
            let path = folder.path().join(format!("{callers}.redb"));
            rates.push(begins(&path, *callers, length.each)?);
        }
    }
    let bare = median(&mut bare);
    println!("| callers | begins per second | beside bare fdatasync ({bare:.0}/s) |");
    println!("| ------- | ----------------- | ------------------------------- |");
    for (callers, rates) in CALLERS.iter().zip(&mut by_callers) {
        let rate = median(rates);
        println!("| {callers} | {rate:.0} | {:.2} |", rate / bare);
    }
    Ok(())
}

/// Writes of 4 KiB, each on the disk before the next.
fn bare_syncs(path: &Path, each: Duration) -> io::Result<f64> {
    let mut file = File::create(path)?;
    let page = [7_u8; 4096];
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < each {
        file.seek(SeekFrom::Start(u64::from(count % 256) * 4096))?;
        file.write_all(&page)?;
        file.sync_data()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// Begins of migrations, each on the disk before its caller goes on.
fn begins(path: &Path, callers: u64, each: Duration) -> Result<f64, Box<dyn std::error::Error>> {
    let tracker = MigrationTracker::create(path)?;
    let (start, done) = (Instant::now(), AtomicU64::new(0));
    thread::scope(|scope| {
        for caller in 0..callers {
            let (tracker, done) = (&tracker, &done);
            scope.spawn(move || {
                let mut shard = caller << 32;
                while start.elapsed() < each {
                    shard += 1;
                    if tracker
                        .begin_migration(ShardId(shard), NodeId(1), NodeId(2))
                        .is_ok()
                    {
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    Ok(done.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64())
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}
