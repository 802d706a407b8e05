use std::collections::VecDeque;

use clap::Args;
use shardferry::{Event, EventSeq, Migration};

use super::Context;
use super::events::{SHOWN_BEFORE, follow, part};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::look::{Follower, View};
use crate::names::Names;
use crate::output::stdout_is_live;
use crate::{interrupt, show, standing, text};

/// How wide a progress bar is.
const BAR_CELLS: usize = 24;

/// Most migrations and events that are shown at once: all of it is to fit a terminal.
const MIGRATIONS_MAX: usize = 12;

/// Shows how everything stands and goes on showing it, until Ctrl-C: counts, a bar for each migration
/// under way, the last events. Where stdout is no terminal, a line for each event instead, as `events
/// --follow`. While another process has the database it says so once, and waits.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  shardferry watch\n  shardferry watch --since 1500 >> moves.log"
)]
pub(crate) struct Watch {
    /// The events after this position; without it, the newest and those to come
    #[arg(long, value_name = "SEQ")]
    since: Option<EventSeq>,
}

pub(crate) fn run(args: &Watch, context: Context<'_>) -> Result<Exit, Failure> {
    let part = part(args.since, SHOWN_BEFORE);
    if context.out.is_json() || !stdout_is_live() {
        return follow(context.db, part, None, context.out);
    }
    let stop = interrupt::looking()?;
    let mut follower = Follower::new(context.db, part, &stop);
    let mut last = VecDeque::with_capacity(SHOWN_BEFORE);
    while let Some(view) = follower.next()? {
        for event in &view.events {
            if last.len() >= SHOWN_BEFORE {
                last.pop_front();
            }
            last.push_back(event.clone());
        }
        context.out.redraw(&picture(&view, &last));
        if context.out.is_over() {
            break;
        }
    }
    Ok(Exit::Success)
}

fn picture(view: &View, last: &VecDeque<Event>) -> String {
    let mut lines = vec![
        format!("{} (Ctrl-C ends)", text::time(view.summary.at_ms)),
        String::new(),
    ];
    lines.extend(standing::lines(&view.summary, &view.names));
    lines.push(String::new());
    let shown = view.unfinished.iter().take(MIGRATIONS_MAX);
    lines.extend(shown.map(|migration| bar(migration, &view.names)));
    if let Some(more) = view
        .unfinished
        .len()
        .checked_sub(MIGRATIONS_MAX)
        .filter(|more| *more > 0)
    {
        lines.push(format!("and {more} more (`shardferry list`)"));
    }
    lines.push(String::new());
    lines.extend(last.iter().map(|event| show::event(event, &view.names)));
    lines.push(String::new());
    lines.join("\n")
}

fn bar(migration: &Migration, names: &Names) -> String {
    let done = migration.progress.bytes_migrated;
    let bar = match migration.progress.bytes_total {
        Some(total) => text::bar(done, total, BAR_CELLS),
        None => text::bar(0, 1, BAR_CELLS),
    };
    let (from, to) = (names.node(migration.from), names.node(migration.to));
    let line = format!(
        "{bar} {} {from} -> {to} {} {} {}",
        names.shard(migration.shard),
        show::status(migration),
        show::progress(migration),
        show::left(migration),
    );
    line.trim_end().to_owned()
}
