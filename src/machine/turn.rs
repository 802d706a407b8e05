use crate::schema::v1::{Migration, Settings, Status};
use crate::schema::{MigrationId, TimestampMs};

/// Whose turn it is: the migration with the least goes first.
///
/// What was interrupted goes on before anything new starts: its slot and its half copy are there, and
/// writes to its source may be stopped. The others wait in the order in which they came, where each priority counts as much as a wait of
/// [`Settings::ageing_ms`]: so a low priority is passed over for a while, and not for ever. One whose
/// attempt failed stands in line anew from when it may be tried again: what fails delays no other.
///
/// ```
/// use shardferry::machine::{self, Begin, Turn};
/// use shardferry::schema::v1::Settings;
/// use shardferry::schema::{MigrationId, NodeId, ShardId, TimestampMs};
///
/// let settings = Settings { ageing_ms: 1_000, ..Settings::default() };
/// let turn = |id: u128, priority: i32, at_ms: u64| {
///     let id = MigrationId(uuid::Uuid::from_u128(id));
///     let begin = Begin { priority, ..Begin::new(id, ShardId(7), NodeId(1), NodeId(2)) };
///     let begun = machine::begin(&begin, TimestampMs(at_ms)).unwrap().next;
///     Turn::of(&begun, &settings)
/// };
/// assert!(turn(1, 0, 5_000) < turn(2, 0, 5_001)); // who came first
/// assert!(turn(2, 1, 5_900) < turn(1, 0, 5_000)); // a priority is worth a second
/// assert!(turn(1, 0, 5_000) < turn(2, 1, 6_100)); // and no more
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    waits: bool,
    /// With ageing, what counts beyond the priority is in the place of it, and this is 0.
    later: i64,
    at_ms: i128,
    id: MigrationId,
}

impl Turn {
    /// The turn of `migration`. The order of two turns of one instant never changes by waiting.
    #[must_use]
    pub fn of(migration: &Migration, settings: &Settings) -> Self {
        let failed = migration.failed_attempts > 0;
        let TimestampMs(since_ms) = if failed {
            migration.not_before_ms.max(migration.created_at_ms)
        } else {
            migration.created_at_ms
        };
        let ahead_ms = i128::from(migration.priority) * i128::from(settings.ageing_ms);
        Self {
            waits: (migration.status() == Status::Pending || failed)
                && migration.fenced_at_ms.is_none(),
            later: match settings.ageing_ms {
                0 => -i64::from(migration.priority),
                _ => 0,
            },
            at_ms: i128::from(since_ms) - ahead_ms,
            id: migration.id,
        }
    }
}
