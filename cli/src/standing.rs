//! How everything stands, in words and in JSON.

use serde_json::{Value, json};
use shardferry::tracker::Summary;

use crate::names::Names;
use crate::{pauses, show, text};

/// For people, a line for each thing that there is.
pub(crate) fn lines(sum: &Summary, names: &Names) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |name: &str, text: String| lines.push(format!("{name:<12}{text}"));
    let under_way = sum
        .pending
        .saturating_add(sum.in_progress)
        .saturating_add(sum.verifying);
    if under_way == 0 {
        line("under way", "nothing".to_owned());
    } else {
        let counts = [
            (sum.pending, "pending"),
            (sum.in_progress, "in progress"),
            (sum.verifying, "verifying"),
            (sum.held, "claimed by an executor"),
            (sum.backing_off, "backing off"),
            (sum.cancelling, "being cancelled"),
            (sum.stalled, "stalled"),
        ];
        let counts = counts.iter().filter(|(number, _)| *number > 0);
        let counts: Vec<String> = counts
            .map(|(number, what)| format!("{number} {what}"))
            .collect();
        line("under way", format!("{under_way}: {}", counts.join(", ")));
        let done = text::bytes(sum.bytes_migrated);
        line(
            "copied",
            match sum.bytes_total {
                Some(total) => {
                    let percent = text::percent(sum.bytes_migrated, total);
                    format!("{done} of {} ({percent} %)", text::bytes(total))
                }
                None => format!("{done} of an unknown number of bytes"),
            },
        );
        line("left", show::eta(sum.left_ms, sum.bytes_per_second));
    }
    line(
        "ended",
        match sum.pruned {
            0 => sum.ended.to_string(),
            pruned => format!("{}, and {pruned} that are no longer kept", sum.ended),
        },
    );
    if sum.cleanups > 0 {
        line(
            "cleanups",
            format!("{} (`shardferry cleanups`)", sum.cleanups),
        );
    }
    if sum.quarantined > 0 {
        let many = text::count(sum.quarantined, "shard");
        line(
            "quarantine",
            format!("{many} (`shardferry quarantine list`)"),
        );
    }
    lines.extend(pauses::lines(&sum.pauses, names));
    lines
}

pub(crate) fn view(sum: &Summary, names: &Names) -> Value {
    json!({
        "at_ms": sum.at_ms,
        "pending": sum.pending,
        "in_progress": sum.in_progress,
        "verifying": sum.verifying,
        "held": sum.held,
        "backing_off": sum.backing_off,
        "cancelling": sum.cancelling,
        "stalled": sum.stalled,
        "ended": sum.ended,
        "pruned": sum.pruned,
        "cleanups": sum.cleanups,
        "quarantined": sum.quarantined,
        "pauses": pauses::views(&sum.pauses, names),
        "bytes_migrated": sum.bytes_migrated,
        "bytes_total": sum.bytes_total,
        "bytes_per_second": sum.bytes_per_second,
        "left_ms": sum.left_ms,
    })
}
