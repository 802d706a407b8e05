//! I11 and I12: what a restart may change, which is nothing.

use super::{Image, Violation};
use crate::schema::MigrationId;
use crate::schema::key::SettingsKey;
use crate::schema::table::TableId;
use crate::schema::v1::{SetAsideRow, Status};

/// I11, of one image: a row that cannot be read is named, with its table and its key (in hex).
#[must_use]
pub fn invariant_i11_bad_rows_are_named(image: &Image) -> Vec<Violation> {
    let named = image.bad_rows.iter().map(|row| Violation {
        invariant: "I11",
        table: row.table,
        key: row.key.clone(),
        rule: format!("the row is damaged: {}", row.reason),
    });
    let mut violations: Vec<_> = named.collect();
    violations.extend(set_aside(image));
    let key = SettingsKey::Current;
    if image.settings.is_empty() && !image.is_lost(TableId::Settings, &key) {
        let rule = "the row is missing: nothing is decided without settings";
        violations.push(Violation::new("I11", TableId::Settings, &key, rule));
    }
    violations
}

/// What was set aside is named until an operator gives it up, and is kept whole.
fn set_aside(image: &Image) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (key, row) in &image.set_aside {
        let Some(table) = TableId::from_tag(key.table) else {
            let rule = "no table has this tag";
            violations.push(Violation::new("I11", TableId::SetAside, key, rule));
            continue;
        };
        if key.part == 0 {
            violations.push(Violation::set_aside(table, &key.key, &row.reason));
            let parts = SetAsideRow::parts(row.value_bytes);
            let missing = (1..parts)
                .filter_map(|part| Some(key.part(u32::try_from(part).ok()?)))
                .find(|part| !image.set_aside.contains_key(part));
            if let Some(part) = missing {
                let rule = format!("the part is missing; the value has {parts}");
                violations.push(Violation::new("I11", TableId::SetAside, &part, rule));
            }
        } else if !image.set_aside.contains_key(&key.part(0)) {
            let rule = "the first part of this row is missing";
            violations.push(Violation::new("I11", TableId::SetAside, key, rule));
        }
    }
    violations
}

/// I11, around a restart: opening decides nothing and changes nothing.
#[must_use]
pub fn invariant_i11_reopening_changes_nothing(before: &Image, after: &Image) -> Vec<Violation> {
    before.differences(after, "I11", "opening changes nothing")
}

/// The last answer that somebody was given about a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The migration.
    pub id: MigrationId,
    /// Where it stood.
    pub status: Status,
}

/// I12: what was acknowledged is there after a crash. What had not ended may have gone on (a
/// transition that nobody was told of may be there, whole); what had ended is as it was, or was
/// taken by retention.
#[must_use]
pub fn invariant_i12_acknowledged_survives(
    acknowledged: &[Acknowledged],
    image: &Image,
) -> Vec<Violation> {
    let lost = |answer: &Acknowledged| {
        let was = answer.status;
        let rule = match image.migrations.get(&answer.id).map(|row| row.status()) {
            Some(is) if is == was => return None,
            Some(is) if follows(was, is) => return None,
            Some(is) => format!("it was acknowledged as {was} and is {is}"),
            None if was.is_terminal() && image.pruned().migrations > 0 => return None,
            None => format!("it was acknowledged as {was} and is gone"),
        };
        let table = TableId::Migrations;
        Some(Violation::new("I12", table, &answer.id, rule))
    };
    acknowledged.iter().filter_map(lost).collect()
}

/// Whether `is` can come after `was`: a new attempt leads back to the copy, nothing leads back to
/// the start, and nothing leads on from an end.
fn follows(was: Status, is: Status) -> bool {
    !was.is_terminal() && is != Status::Pending
}
