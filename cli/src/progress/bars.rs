use std::collections::BTreeMap;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use shardferry::MigrationId;

use crate::output::{note, stderr_has_colour, stderr_is_live};

/// One migration: 80 columns, and more of the bar on wider terminals.
const EACH: &str = "{msg:20!} {wide_bar} {bytes:>10}/{total_bytes:<10} {prefix:>21!}";
/// A whole, with rate and time left.
const RATED: &str =
    "{msg:20!} {wide_bar} {bytes:>10}/{total_bytes:<10} {bytes_per_sec:>12} ETA {eta:>4}";

/// A bar for each migration that is worked on, and one for all of them; nothing where no terminal
/// could show them.
#[derive(Debug)]
pub(super) struct Bars {
    all: Option<MultiProgress>,
    overall: ProgressBar,
    each: BTreeMap<MigrationId, ProgressBar>,
}

impl Bars {
    /// Bars for a whole of `length` bytes, of which `position` are there.
    pub(super) fn new(length: u64, position: u64) -> Self {
        let live = stderr_is_live() && length > 0;
        let all = live.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stderr()));
        let hidden = ProgressBar::hidden();
        let overall = match &all {
            Some(all) => all.add(hidden),
            None => hidden,
        };
        overall.set_length(length);
        overall.set_style(style(RATED));
        overall.set_message("in all");
        overall.set_position(position);
        overall.reset_eta();
        Self {
            all,
            overall,
            each: BTreeMap::new(),
        }
    }

    pub(super) fn is_live(&self) -> bool {
        self.all.is_some()
    }

    pub(super) fn begin(&mut self, id: MigrationId, length: u64, label: &str, to: &str) {
        self.end(id);
        let Some(all) = &self.all else { return };
        let bar = all.insert_from_back(1, ProgressBar::new(length));
        bar.set_style(style(EACH));
        bar.set_message(label.to_owned());
        bar.set_prefix(format!("to {to}"));
        self.each.insert(id, bar);
    }

    pub(super) fn advance(&self, id: MigrationId, bytes: u64, total: Option<u64>) {
        if let Some(bar) = self.each.get(&id) {
            bar.set_position(bytes);
            if let Some(total) = total {
                bar.set_length(total);
            }
        }
    }

    pub(super) fn compare(&self, id: MigrationId, bytes: u64, total: u64) {
        if let Some(bar) = self.each.get(&id) {
            bar.set_prefix("comparing");
        }
        self.advance(id, bytes, Some(total));
    }

    pub(super) fn end(&mut self, id: MigrationId) {
        if let Some(bar) = self.each.remove(&id) {
            bar.finish_and_clear();
        }
    }

    pub(super) fn overall(&self, bytes: u64, length: u64) {
        self.overall.set_length(length);
        self.overall.set_position(bytes);
    }

    /// A line above the bars.
    pub(super) fn line(&self, line: &str) {
        match &self.all {
            Some(all) => all.suspend(|| note(line)),
            None => note(line),
        }
    }

    /// Takes every bar away.
    pub(super) fn clear(&mut self) {
        self.overall.finish_and_clear();
        while let Some((_, bar)) = self.each.pop_first() {
            bar.finish_and_clear();
        }
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
