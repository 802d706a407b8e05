//! The demo: a cluster of directories that is built, balanced, and verified.

mod build;
mod content;
mod digest;
mod folder;
mod manifest;
mod options;
mod register;
mod verify;

pub(crate) use options::Demo;

use std::path::Path;
use std::time::Instant;

use indicatif::ProgressBar;
use serde_json::json;
use shardferry::executor::{RunReport, StopToken};
use shardferry::{Migration, MigrationTracker, Status};

use crate::commands::Context;
use crate::drive::{self, Drive};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::names::Names;
use crate::planning::{self, Aim, Planned};
use crate::registered::Loads;
use crate::{interrupt, mover, progress, show, text, view};
use manifest::Manifest;
use verify::Verified;

/// Builds, balances and verifies; or goes on with it.
pub(crate) fn run(args: &Demo, context: Context<'_>) -> Result<Exit, Failure> {
    let stop = interrupt::token()?;
    let folder = args.dir.as_path();
    let started = Instant::now();
    let mut found = folder::find(args)?;
    let manifest = &mut found.manifest;
    build_stage(folder, manifest, found.earlier, &stop, context)?;
    let tracker = register::database(folder, manifest)?;
    register::limit_rate(&tracker, args.bytes_per_second_max())?;
    let (report, done_before) = move_stage(&tracker, args, &stop, context)?;
    let exit = drive::exit_of(&report, tracker.now());
    let snapshot = tracker.snapshot()?;
    let names = Names::of(&snapshot);
    if exit != Exit::Success {
        context.out.result(
            String::new,
            || json!({ "done": false, "run": view::run(&report, &names) }),
        );
        context.out.note("the same command goes on");
        return Ok(exit);
    }
    let verified = verify_stage(folder, manifest, &tracker, &stop, context)?;
    let loads = Loads::of(&snapshot);
    let nodes = snapshot.nodes.iter();
    context.out.result(
        || {
            let took = text::duration(started.elapsed());
            let shown = text::path(folder);
            let ending = if verified.wrong.is_empty() {
                format!("done in {took}. Look around in {shown}; `--fresh` starts again.")
            } else {
                format!("NOT as it should be:\n  {}", verified.wrong.join("\n  "))
            };
            format!("\n{}\n{ending}", show::loads(&snapshot))
        },
        || {
            json!({
                "done": verified.wrong.is_empty(),
                "resumed": found.earlier,
                "done_before": done_before,
                "run": view::run(&report, &names),
                "verified": {
                    "shards": verified.shards,
                    "bytes": verified.bytes,
                    "wrong": verified.wrong,
                },
                "nodes": nodes.map(|node| view::node(node, &loads)).collect::<Vec<_>>(),
            })
        },
    );
    Ok(if verified.wrong.is_empty() {
        Exit::Success
    } else {
        Exit::Violations
    })
}

fn build_stage(
    folder: &Path,
    manifest: &mut Manifest,
    found: bool,
    stop: &StopToken,
    context: Context<'_>,
) -> Result<(), Failure> {
    let size = manifest.size;
    let missing = content::all(size).skip(manifest.shards.len());
    let files = missing.flat_map(|content| content.files);
    let bytes: u64 = files.map(|file| file.bytes).sum();
    let built = manifest.shards.len();
    let shown = text::path(folder);
    if bytes == 0 {
        return Ok(());
    }
    if found {
        context.out.say(format_args!(
            "going on with building {shown}: {built} of {} are there",
            text::count(size.shards, "shard")
        ));
    } else {
        context.out.say(format_args!(
            "building {} on {} in {shown}: {}",
            text::count(size.shards, "shard"),
            text::count(size.nodes, "node"),
            text::bytes(bytes)
        ));
    }
    let bar = progress::single(bytes, "building");
    let finished = build::build(folder, manifest, &bar, stop);
    bar.finish_and_clear();
    match finished {
        Ok(true) => Ok(()),
        Ok(false) => Err(interrupt::interrupted()),
        Err(error) => Err(Failure::new(Exit::Unexpected, error)
            .advise("see to the disk; the same command goes on")),
    }
}

/// Goes on with what an earlier run left, or plans and begins. Whether all was done before.
fn move_stage(
    tracker: &MigrationTracker,
    args: &Demo,
    stop: &StopToken,
    context: Context<'_>,
) -> Result<(RunReport, bool), Failure> {
    let mover = mover::directories();
    let how = Drive {
        mover: mover.as_ref(),
        pace: args.pace,
        stop,
    };
    let snapshot = tracker.snapshot()?;
    let names = Names::of(&snapshot);
    if let Some(text) = drive::going_on(&snapshot) {
        context.out.say(text);
        let report = drive::drive(tracker, how)?;
        context.out.say(show::run(&report, &names));
        return Ok((report, false));
    }
    if settled(tracker)? {
        context.out.say("every move was made before");
        return Ok((RunReport::default(), true));
    }
    context.out.say(show::loads(&snapshot));
    let planned = Planned::on(&snapshot, &Aim::default())?;
    context
        .out
        .say(planning::text_of(&planned, context.verbose));
    let done = planning::carry_out(tracker, (&planned.plan, &planned.policy), &names, how)?;
    context.out.say(show::run(&done.report, &names));
    match done.refused {
        Some(refused) => Err(refused),
        None => Ok((done.report, false)),
    }
}

/// Whether moves were made, and none of them in vain.
fn settled(tracker: &MigrationTracker) -> Result<bool, Failure> {
    let moves = tracker.recent_migrations(usize::MAX)?;
    let complete = |one: &Migration| one.status() == Status::Complete;
    Ok(!moves.is_empty() && moves.iter().all(complete))
}

fn verify_stage(
    folder: &Path,
    manifest: &Manifest,
    tracker: &MigrationTracker,
    stop: &StopToken,
    context: Context<'_>,
) -> Result<Verified, Failure> {
    let snapshot = tracker.snapshot()?;
    let bytes = manifest.shards.iter().map(|built| built.bytes).sum();
    let bar: ProgressBar = progress::single(bytes, "verifying");
    let verified = verify::verify(folder, manifest, &snapshot, &bar, stop);
    bar.finish_and_clear();
    let verified = verified
        .map_err(|error| Failure::new(Exit::Unexpected, error))?
        .ok_or_else(interrupt::interrupted)?;
    if verified.wrong.is_empty() {
        context.out.say(format_args!(
            "verified {}, {}: each once, at its owner, every byte as it was built",
            text::count(verified.shards, "shard"),
            text::bytes(verified.bytes)
        ));
    }
    Ok(verified)
}
