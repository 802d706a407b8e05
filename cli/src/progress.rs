//! Shows how far moves are: bars on a terminal, a line now and then elsewhere.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use shardferry::MigrationId;
use shardferry::executor::{Notice, Observer};
use shardferry::store::Snapshot;

use crate::names::Names;
use crate::output::{note, stderr_has_colour, stderr_is_live};
use crate::{registered, text};

/// How often a line is printed where there are no bars.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// One migration: 80 columns, and more of the bar on wider terminals.
const EACH: &str = "{msg:20!} {wide_bar} {bytes:>10}/{total_bytes:<10} {prefix:>21!}";
/// A whole, with rate and time left.
const RATED: &str =
    "{msg:20!} {wide_bar} {bytes:>10}/{total_bytes:<10} {bytes_per_sec:>12} ETA {eta:>4}";

/// Watches an executor.
pub(crate) struct Watch {
    names: Names,
    bars: Option<MultiProgress>,
    state: Mutex<State>,
}

struct State {
    overall: ProgressBar,
    each: BTreeMap<MigrationId, One>,
    /// What every migration under way is expected to bring.
    expected: BTreeMap<MigrationId, u64>,
    /// What earlier attempts left of those that nobody works on now.
    waiting: BTreeMap<MigrationId, u64>,
    done_bytes: u64,
    printed_at: Instant,
    started_at: Instant,
    bytes_at_start: u64,
}

struct One {
    label: String,
    copied: u64,
    bar: ProgressBar,
}

impl Watch {
    /// Watches what `snapshot` has under way.
    pub(crate) fn new(snapshot: &Snapshot) -> Self {
        let mut expected = BTreeMap::new();
        let mut waiting = BTreeMap::new();
        for migration in &snapshot.active {
            let bytes = registered::bytes_to_move(snapshot, migration);
            expected.insert(migration.id, bytes);
            let saved = migration.checkpoint.as_ref();
            waiting.insert(migration.id, saved.map_or(0, |saved| saved.bytes_migrated));
        }
        let resumed = waiting.values().sum();
        let live = stderr_is_live() && !snapshot.active.is_empty();
        let bars = live.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        let overall = ProgressBar::hidden();
        let overall = bars
            .as_ref()
            .map_or_else(|| overall.clone(), |bars| bars.add(overall.clone()));
        overall.set_length(expected.values().sum());
        overall.set_style(style(RATED));
        overall.set_message("in all");
        overall.set_position(resumed);
        overall.reset_eta();
        Self {
            names: Names::of(snapshot),
            bars,
            state: Mutex::new(State {
                overall,
                each: BTreeMap::new(),
                expected,
                waiting,
                done_bytes: 0,
                printed_at: Instant::now(),
                started_at: Instant::now(),
                bytes_at_start: resumed,
            }),
        }
    }

    /// Takes the bars away.
    pub(crate) fn finish(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.overall.finish_and_clear();
        for one in state.each.values() {
            one.bar.finish_and_clear();
        }
    }

    fn line(&self, line: &str) {
        match &self.bars {
            // A terminal that fails is not a reason to stop moving.
            Some(bars) => bars.suspend(|| note(line)),
            None => note(line),
        }
    }

    fn bar(&self, length: u64, label: &str) -> ProgressBar {
        let Some(bars) = &self.bars else {
            return ProgressBar::hidden();
        };
        let bar = bars.insert_from_back(1, ProgressBar::new(length));
        bar.set_style(style(EACH));
        bar.set_message(label.to_owned());
        bar
    }
}

fn style(template: &str) -> ProgressStyle {
    let template = if stderr_has_colour() {
        template.replace("{wide_bar}", "{wide_bar:.cyan/blue}")
    } else {
        template.to_owned()
    };
    ProgressStyle::with_template(&template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("█▓░")
}

impl State {
    fn moved_bytes(&self) -> u64 {
        let copied = self.each.values().map(|one| one.copied);
        let waiting = self.waiting.values().copied();
        copied
            .chain(waiting)
            .fold(self.done_bytes, u64::saturating_add)
    }

    /// `in all 41 MiB of 120 MiB (34 %), 55 MiB/s`, when it is time.
    fn due_line(&mut self) -> Option<String> {
        if self.printed_at.elapsed() < LINE_EVERY {
            return None;
        }
        self.printed_at = Instant::now();
        let done = self.moved_bytes();
        let whole = self
            .expected
            .values()
            .fold(0, |sum: u64, one| sum.saturating_add(*one));
        let ms = u64::try_from(self.started_at.elapsed().as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        let rate = done
            .saturating_sub(self.bytes_at_start)
            .saturating_mul(1000)
            / ms;
        Some(format!(
            "in all {} of {} ({} %), {}/s",
            text::bytes(done),
            text::bytes(whole),
            text::percent(done, whole),
            text::bytes(rate),
        ))
    }
}

impl Observer for Watch {
    fn notice(&self, notice: &Notice<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let line = match notice {
            Notice::Claimed {
                migration,
                resumed_bytes,
            } => {
                state.waiting.remove(&migration.id);
                let label = self.names.shard(migration.shard);
                let length = state.expected.get(&migration.id).copied().unwrap_or(0);
                let bar = self.bar(length, &label);
                bar.set_position(*resumed_bytes);
                bar.set_prefix(format!("to {}", self.names.node(migration.to)));
                let line = (*resumed_bytes > 0)
                    .then(|| format!("{label}: goes on at {}", text::bytes(*resumed_bytes)));
                let one = One {
                    label,
                    copied: *resumed_bytes,
                    bar,
                };
                if let Some(earlier) = state.each.insert(migration.id, one) {
                    earlier.bar.finish_and_clear();
                }
                line
            }
            Notice::Copied {
                id,
                bytes,
                bytes_total,
            } => {
                if let Some(total) = bytes_total {
                    state.expected.insert(*id, *total);
                    let whole = state.expected.values().sum();
                    state.overall.set_length(whole);
                }
                if let Some(one) = state.each.get_mut(id) {
                    one.copied = *bytes;
                    one.bar.set_position(*bytes);
                    if let Some(total) = bytes_total {
                        one.bar.set_length(*total);
                    }
                }
                state.due_line().filter(|_| self.bars.is_none())
            }
            Notice::Verified {
                id,
                bytes,
                bytes_total,
            } => {
                if let Some(one) = state.each.get_mut(id) {
                    one.bar.set_prefix("comparing");
                    one.bar.set_length(*bytes_total);
                    one.bar.set_position(*bytes);
                }
                None
            }
            Notice::Completed { migration } => {
                let bytes = state.end(migration.id, true);
                Some(format!(
                    "{}: moved {} -> {}, {}",
                    self.names.shard(migration.shard),
                    self.names.node(migration.from),
                    self.names.node(migration.to),
                    text::bytes(bytes)
                ))
            }
            Notice::AttemptFailed {
                id, class, reason, ..
            } => {
                let label = state.each.get(id).map(|one| one.label.clone());
                state.end(*id, false);
                let label = label.unwrap_or_else(|| id.to_string());
                Some(format!(
                    "{label}: an attempt failed ({class}), it is tried again: {reason}"
                ))
            }
            Notice::Failed { migration } => {
                state.end(migration.id, false);
                let label = self.names.shard(migration.shard);
                let id = migration.id;
                Some(format!(
                    "{label}: given up; `shardferry show {id}` says why"
                ))
            }
            Notice::Cancelled { migration } => {
                state.end(migration.id, false);
                Some(format!("{}: cancelled", self.names.shard(migration.shard)))
            }
            Notice::Released { id } => {
                state.end(*id, false);
                None
            }
            Notice::Settled { .. } => None,
            Notice::CleanupFailed { cleanup, reason } => Some(format!(
                "{} on {}: the old copy is still there: {reason}",
                self.names.shard(cleanup.shard),
                self.names.node(cleanup.node),
            )),
        };
        state.overall.set_position(state.moved_bytes());
        drop(state);
        if let Some(line) = line {
            self.line(&line);
        }
    }
}

impl State {
    /// The migration is no longer worked on; the bytes that it brought.
    fn end(&mut self, id: MigrationId, done: bool) -> u64 {
        let one = self.each.remove(&id);
        let bytes = one.as_ref().map_or(0, |one| one.copied);
        if let Some(one) = one {
            one.bar.finish_and_clear();
        }
        if done {
            self.done_bytes = self.done_bytes.saturating_add(bytes);
        }
        bytes
    }
}

/// A bar of its own, for a stage that is not the executor's.
pub(crate) fn single(length: u64, label: &'static str) -> ProgressBar {
    if !stderr_is_live() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr());
    bar.set_style(style(RATED));
    bar.set_message(label);
    bar
}
