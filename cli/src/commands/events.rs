use std::num::NonZeroUsize;
use std::path::Path;

use clap::Args;
use shardferry::{Event, EventSeq};

use super::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::look::{Follower, Part};
use crate::names::Names;
use crate::output::{Output, note};
use crate::{database, interrupt, show, view};

/// How many events are shown without `--limit` and `--since`.
const SHOWN: usize = 100;

/// How many of them before new ones are followed.
pub(super) const SHOWN_BEFORE: usize = 10;

/// How many are read at a time.
const PAGE: usize = 1_000;

/// Shows the log, oldest first, a line for each event: position, time, what, of which shard and
/// migration, who, and why. Without `--since` the newest. With `--json` each line is an object.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  shardferry events --limit 20\n  shardferry events --since 1500 --follow --json"
)]
pub(crate) struct Events {
    /// Those after this position
    #[arg(long, value_name = "SEQ")]
    since: Option<EventSeq>,
    /// At most so many, then it ends
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// Wait for more, until Ctrl-C; also while the database is in use or away
    #[arg(long)]
    follow: bool,
}

impl Events {
    /// Whether it waits for more.
    pub(crate) fn follows(&self) -> bool {
        self.follow
    }
}

pub(crate) fn run(args: &Events, context: Context<'_>) -> Result<Exit, Failure> {
    let limit = args.limit.map(NonZeroUsize::get);
    if args.follow {
        let most = limit.unwrap_or(SHOWN_BEFORE).min(SHOWN_BEFORE);
        return follow(context.db, part(args.since, most), limit, context.out);
    }
    let tracker = database::open_to_look(context.db)?;
    let names = Names::of(&tracker.snapshot()?);
    let Some(mut since) = args.since else {
        let newest = tracker.recent_events(limit.unwrap_or(SHOWN))?;
        newest
            .iter()
            .for_each(|event| tell(event, &names, context.out));
        return Ok(Exit::Success);
    };
    let mut left = limit.unwrap_or(usize::MAX);
    while left > 0 && !context.out.is_over() {
        let events = tracker.events(since, left.min(PAGE))?;
        let Some(last) = events.last() else {
            break;
        };
        since = last.seq;
        left = left.saturating_sub(events.len());
        events
            .iter()
            .for_each(|event| tell(event, &names, context.out));
    }
    Ok(Exit::Success)
}

pub(super) fn part(since: Option<EventSeq>, newest: usize) -> Part {
    since.map_or(Part::Newest(newest), Part::After)
}

/// Tells each event as it comes, `limit` of them or until Ctrl-C.
pub(super) fn follow(
    db: &Path,
    part: Part,
    limit: Option<usize>,
    out: &Output,
) -> Result<Exit, Failure> {
    let stop = interrupt::looking()?;
    let mut follower = Follower::new(db, part, &stop);
    let mut left = limit.unwrap_or(usize::MAX);
    while let Some(view) = follower.next()? {
        for event in view.events.iter().take(left) {
            tell(event, &view.names, out);
        }
        left = left.saturating_sub(view.events.len());
        if left == 0 || out.is_over() {
            return Ok(Exit::Success);
        }
    }
    if let Some(since) = follower.since() {
        note(format_args!("`--since {since}` goes on from here"));
    }
    Ok(Exit::Success)
}

fn tell(event: &Event, names: &Names, out: &Output) {
    out.line(|| show::event(event, names), || view::event(event));
}
