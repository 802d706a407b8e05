use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::output::{note, stderr_is_live};

/// How often a line is due where no terminal could show a bar.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How often a bar is drawn anew: in rows, because asking the clock for each would cost more.
const BAR_ROWS: u64 = 256;

/// How many rows of all are done: a bar on a terminal, a line now and then elsewhere.
pub(crate) struct Rows {
    bar: Option<ProgressBar>,
    line_at: Instant,
}

impl Rows {
    pub(crate) fn new() -> Self {
        let bar = stderr_is_live().then(|| {
            let target = ProgressDrawTarget::stderr();
            let bar = ProgressBar::with_draw_target(Some(0), target);
            let style = ProgressStyle::with_template("{msg:20!} {wide_bar} {pos}/{len} rows");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar
        });
        Self {
            bar,
            line_at: Instant::now(),
        }
    }

    /// `rows` of `total` are done.
    pub(crate) fn at(&mut self, doing: &'static str, rows: u64, total: u64) {
        if !rows.is_multiple_of(BAR_ROWS) {
            return;
        }
        if let Some(bar) = &self.bar {
            bar.set_message(doing);
            bar.set_length(total);
            bar.set_position(rows);
        } else if self.line_at.elapsed() >= LINE_EVERY {
            self.line_at = Instant::now();
            note(format_args!("{doing}: {rows} of {total} rows"));
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
