use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use crate::audit::Audit;
use crate::client::Heard;
use crate::rig::Pause;

/// The middle, the 99th of 100, and the longest.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spread {
    pub(crate) count: usize,
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
    pub(crate) max: Duration,
}

impl Spread {
    pub(crate) fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        let at = |share: usize| {
            let rank = all.len().saturating_mul(share).div_ceil(100);
            all.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        Self {
            count: all.len(),
            median: at(50),
            p99: at(99),
            max: at(100),
        }
    }

    fn json(&self) -> Value {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        json!({
            "count": self.count,
            "median_ms": ms(self.median),
            "p99_ms": ms(self.p99),
            "max_ms": ms(self.max),
        })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(
            f,
            "median {:.1} ms, p99 {:.1} ms, longest {:.1} ms ({} times)",
            ms(self.median),
            ms(self.p99),
            ms(self.max),
            self.count
        )
    }
}

/// What a run found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Migrations of an earlier run that this one ended.
    pub(crate) resumed: u64,
    /// Acknowledged writes of earlier runs, all of them looked for at the start.
    pub(crate) earlier: u64,
    pub(crate) moved: u64,
    pub(crate) cancelled: u64,
    pub(crate) failed: u64,
    pub(crate) damage_caught: u64,
    /// Writes per second.
    pub(crate) quiet_rate: f64,
    pub(crate) busy_rate: f64,
    /// The longest gap between acknowledged writes of a shard around its cutover.
    pub(crate) gaps: Spread,
    /// The same gaps of all shards without a migration.
    pub(crate) quiet_gaps: Spread,
    pub(crate) fence_to_activate: Spread,
    /// The same of migrations that did not cut over: from the fence to its end at the source.
    pub(crate) fence_to_unfence: Spread,
    pub(crate) sent_on: u64,
    pub(crate) audit: Audit,
}

impl Report {
    pub(crate) fn json(&self) -> Value {
        json!({
            "resumed_migrations": self.resumed,
            "earlier_acknowledged_writes": self.earlier,
            "migrations": {
                "moved": self.moved,
                "cancelled": self.cancelled,
                "failed": self.failed,
                "damaged_copies_caught": self.damage_caught,
            },
            "writes_per_second": {
                "before": self.quiet_rate,
                "during": self.busy_rate,
            },
            "write_gap_around_cutover": self.gaps.json(),
            "write_gap_without_migration": self.quiet_gaps.json(),
            "fence_to_activate": self.fence_to_activate.json(),
            "fence_to_unfence": self.fence_to_unfence.json(),
            "requests_sent_on": self.sent_on,
            "acknowledged_writes": self.audit.acknowledged,
            "keys": self.audit.keys,
            "violations": self.audit.violations,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = 100.0 * self.busy_rate / self.quiet_rate.max(1.0);
        writeln!(
            f,
            "migrations          {} moved, {} cancelled, {} failed, {} damaged copies caught",
            self.moved, self.cancelled, self.failed, self.damage_caught
        )?;
        writeln!(
            f,
            "writes per second   {:.0} before, {:.0} during ({share:.0} %)",
            self.quiet_rate, self.busy_rate
        )?;
        writeln!(f, "gap between acknowledged writes of a shard")?;
        writeln!(f, "  without migration {}", self.quiet_gaps)?;
        writeln!(f, "  around a cutover  {}", self.gaps)?;
        writeln!(f, "fence to activate   {}", self.fence_to_activate)?;
        writeln!(f, "fence to unfence    {}", self.fence_to_unfence)?;
        writeln!(f, "requests sent on    {}", self.sent_on)?;
        write!(
            f,
            "acknowledged        {} writes of {} keys: ",
            self.audit.acknowledged, self.audit.keys
        )?;
        if self.audit.violations.is_empty() {
            return write!(f, "all there, each served by one owner");
        }
        write!(f, "{} VIOLATIONS", self.audit.violations.len())?;
        for violation in &self.audit.violations {
            write!(f, "\n  {violation}")?;
        }
        Ok(())
    }
}

/// The gaps between acknowledged writes of each shard, in the order of time.
pub(crate) struct Gaps(Vec<Heard>);

impl Gaps {
    pub(crate) fn new(mut heard: Vec<Heard>) -> Self {
        heard.sort_unstable();
        Self(heard)
    }

    fn pairs(&self) -> impl Iterator<Item = (&Heard, &Heard)> {
        let pairs = self.0.iter().zip(self.0.iter().skip(1));
        pairs.filter(|(first, second)| first.0 == second.0)
    }

    /// The longest that touches each pause.
    pub(crate) fn around(&self, pauses: &[Pause]) -> Vec<Duration> {
        let longest = |pause: &Pause| {
            self.pairs()
                .filter(|(first, second)| {
                    first.0 == pause.shard
                        && first.1 <= pause.over_at
                        && second.1 >= pause.fenced_at
                })
                .map(|(first, second)| second.1.duration_since(first.1))
                .max()
        };
        pauses.iter().filter_map(longest).collect()
    }

    /// All that were over before `end`.
    pub(crate) fn before(&self, end: std::time::Instant) -> Vec<Duration> {
        self.pairs()
            .filter(|(_, second)| second.1 <= end)
            .map(|(first, second)| second.1.duration_since(first.1))
            .collect()
    }
}
