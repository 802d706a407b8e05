//! I3 and I4: what a record may say, and what may become of it.

use super::violation::NOT_REACHED;
use super::{Image, Violation};
use crate::schema::table::TableId;
use crate::schema::v1::{Event, EventKind, Migration, Status};
use crate::schema::{Epoch, MigrationId};

/// I3, of one image: no record is in a place to which no transition leads.
#[must_use]
pub fn invariant_i3_records_are_legal(image: &Image) -> Vec<Violation> {
    let mut violations = Vec::new();
    for migration in image.migrations.values() {
        for rule in broken_rules(migration) {
            violations.push(Violation::new(
                "I3",
                TableId::Migrations,
                &migration.id,
                rule,
            ));
        }
    }
    violations
}

fn broken_rules(migration: &Migration) -> Vec<&'static str> {
    let status = migration.status();
    let pending = status == Status::Pending;
    let unfinished = !status.is_terminal();
    let copied = migration.progress.updated_at_ms.0 > 0
        || migration.progress.bytes_migrated > 0
        || migration.checkpoint.is_some();
    let rules = [
        (
            pending && migration.epoch > Epoch(0),
            "it was claimed and is pending",
        ),
        (pending && copied, "something was copied and it is pending"),
        (
            pending && migration.evidence.is_some(),
            "it was verified and is pending",
        ),
        (
            pending && migration.fenced_at_ms.is_some(),
            "writes were stopped and it is pending",
        ),
        (
            unfinished
                && migration.cancel.is_some()
                && migration.attempt.is_none()
                && migration.fenced_at_ms.is_none(),
            "a cancellation waits and nothing hinders it",
        ),
        (
            usize::try_from(migration.failed_attempts).unwrap_or(usize::MAX)
                < migration.failures.len(),
            "it remembers more failed attempts than there were",
        ),
        (
            migration.failed_attempts > 0 && migration.epoch == Epoch(0),
            "an attempt failed that was never made",
        ),
    ];
    let broken = rules.into_iter().filter(|(broken, _)| *broken);
    broken.map(|(_, rule)| rule).collect()
}

/// I3, of one step: what has ended stays as it is, or is taken by retention.
#[must_use]
pub fn invariant_i3_terminal_rows_never_change(before: &Image, after: &Image) -> Vec<Violation> {
    let ended = before.migrations.values();
    let ended = ended.filter(|migration| migration.status().is_terminal());
    ended
        .filter_map(|was| {
            let rule = match after.migrations.get(&was.id) {
                Some(is) if is == was => return None,
                Some(is) => format!("it was {} and changed to {}", was.status(), is.status()),
                None if after.pruned().migrations > before.pruned().migrations => return None,
                None => format!("it was {} and is gone", was.status()),
            };
            Some(Violation::new("I3", TableId::Migrations, &was.id, rule))
        })
        .collect()
}

/// I4, of one image: no record holds anything of an attempt that is yet to come, no attempt but the
/// newest holds the migration, and there is a next epoch; and the log tells of late reports, once for
/// each epoch, up to the one that the record names.
#[must_use]
pub fn invariant_i4_epochs_are_consistent(image: &Image) -> Vec<Violation> {
    let mut violations = Vec::new();
    let events = image.events_by_migration();
    for migration in image.migrations.values() {
        let told = events.get(&migration.id).map_or(&[][..], Vec::as_slice);
        if image.history_is_whole(migration, told)
            && let Some(rule) = untrue_of_late_reports(migration, told)
        {
            let id = &migration.id;
            violations.push(Violation::new("I4", TableId::Migrations, id, rule));
        }
        let newest = migration.epoch;
        if !newest.is_reachable() {
            let rule = format!("its epoch {newest} {NOT_REACHED}");
            let id = &migration.id;
            violations.push(Violation::new("I4", TableId::Migrations, id, rule));
        }
        let attempt = migration.attempt.iter().map(|attempt| attempt.epoch);
        let evidence = migration.evidence.iter().map(|evidence| evidence.epoch);
        let failures = migration.failures.iter().map(|failure| failure.epoch);
        for epoch in attempt.chain(evidence).chain(failures) {
            if epoch > newest {
                violations.push(Violation::new(
                    "I4",
                    TableId::Migrations,
                    &migration.id,
                    format!("it is at epoch {newest} and holds something of epoch {epoch}"),
                ));
            }
        }
    }
    violations
}

/// What is wrong with what is told of late reports.
fn untrue_of_late_reports(migration: &Migration, events: &[&Event]) -> Option<String> {
    let mut newest = Epoch(0);
    for (_, got) in events.iter().filter_map(|event| late_report(event)) {
        if got <= newest {
            return Some(format!(
                "the log tells twice of late reports of epoch {got}"
            ));
        }
        newest = got;
    }
    let noted = migration.refused_epoch;
    (noted != newest).then(|| {
        format!("it says that epoch {noted} was refused last, and the log that epoch {newest} was")
    })
}

/// I4, of one step: reports that were refused because their epoch is over changed no row at all, but
/// that the log tells of the first of each epoch. Call it with the images around such reports.
#[must_use]
pub fn invariant_i4_stale_epoch_changes_nothing(before: &Image, after: &Image) -> Vec<Violation> {
    let mut untold = after.clone();
    let is_new = |event: &&Event| !before.events.contains_key(&event.seq);
    for event in after.events.values().filter(is_new) {
        let Some((id, got)) = late_report(event) else {
            continue;
        };
        let noted = before.migrations.get(&id).map(|was| was.refused_epoch);
        if noted.is_some_and(|noted| got <= noted) {
            // Told before: the difference stands.
            continue;
        }
        untold.events.remove(&event.seq);
        untold.migration_events.remove(&(id, event.seq));
        if let (Some(row), Some(noted)) = (untold.migrations.get_mut(&id), noted) {
            row.refused_epoch = noted;
        }
    }
    before.differences(&untold, "I4", "a stale report changes nothing")
}

fn late_report(event: &Event) -> Option<(MigrationId, Epoch)> {
    let EventKind::ReportFenced { got } = event.kind else {
        return None;
    };
    Some((event.migration?, got))
}
