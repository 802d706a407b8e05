//! For each table: a row that is there, where else it could stand, and valid rows that should not be.

use shardferry::schema::codec::Record;
use shardferry::schema::key::{Key as _, MetaKey, RetentionKey, RowKey, SettingsKey, SlotScope};
use shardferry::schema::table::{self, Table, TableId};
use shardferry::schema::text::{NodeName, Reason};
use shardferry::schema::v1::{
    ActiveShard, EventKind, FileMeta, Finished, InFlight, MigrationEvent, NodeNameEntry, Pause,
    PauseScope, Placement, Pruned, Quarantined, RangeEntry, Request, SetAsideRow, ShardNameEntry,
};
use shardferry::{Epoch, EventSeq, MigrationId, NodeId, Settings, ShardId, TimestampMs};

use super::faulty::{Faulty, event_of};
use crate::support::{A, B, C, clean, key, node, range, shard};

/// Who says that something is wrong: invariant, table, and a part of the key as it is shown.
pub(crate) type Says = (&'static str, TableId, String);

/// What a fault comes to.
pub(crate) enum Seen {
    By(Says),
    /// Every open refuses the file.
    Refused,
    /// Nothing else in the file says otherwise.
    Not(&'static str),
}

/// A valid row that can be written, or why there is none.
pub(crate) type Row = Result<(Vec<u8>, Vec<u8>), &'static str>;

/// The rows of one table for the faults.
pub(crate) struct RowFaults {
    /// The key of a row that is there.
    pub(crate) there: Vec<u8>,
    /// Another key.
    pub(crate) elsewhere: Vec<u8>,
    pub(crate) missing: Seen,
    pub(crate) extra: (Row, Seen),
    pub(crate) wrong: (Row, Seen),
}

pub(crate) const NOBODY: MigrationId = MigrationId(uuid::Uuid::from_u128(9));

fn by(invariant: &'static str, table: TableId, key: impl Into<String>) -> Seen {
    Seen::By((invariant, table, key.into()))
}

fn row<R: Record>(table: Table<R>, key: &R::Key, record: &R) -> Row {
    Ok((key.to_bytes(), table.encode(key, record).unwrap()))
}

/// The row under `key`, changed.
fn changed<R: Record>(
    faulty: &Faulty,
    table: Table<R>,
    key: &R::Key,
    change: impl Fn(&mut R),
) -> Row {
    let mut record = faulty.read(table, key);
    change(&mut record);
    row(table, key, &record)
}

/// A file that has a row in every table: of `table` too, where an ordinary one has none.
pub(crate) fn file_for(table: TableId) -> Faulty {
    let faulty = Faulty::new();
    match table {
        TableId::Pauses => {
            let scope = PauseScope::Migration(faulty.pending);
            faulty.put(table::PAUSES, &scope, &pause());
        }
        TableId::Quarantine => {
            faulty.put(table::QUARANTINE, &ShardId(9), &quarantined());
        }
        TableId::SetAside => {
            let key = RowKey::first(TableId::Quarantine, &ShardId(9).to_bytes());
            faulty.put(table::SET_ASIDE, &key, &set_aside("damaged"));
        }
        TableId::Retention => {
            let tracker = faulty.place.open();
            let settings = Settings {
                retention_count_max: Some(2),
                ..tracker.settings().unwrap()
            };
            tracker.set_settings(&settings).unwrap();
            let id = tracker.begin_migration(ShardId(5), A, B).unwrap();
            tracker.fail_migration(id, "broken").unwrap();
            assert_eq!(clean(&tracker).pruned().migrations, 1);
        }
        _ => {}
    }
    faulty
}

fn pause() -> Pause {
    Pause {
        at_ms: TimestampMs(1),
        reason: Reason::new("later"),
    }
}

fn quarantined() -> Quarantined {
    Quarantined {
        at_ms: TimestampMs(1),
        migration: NOBODY,
        failures: Vec::new(),
    }
}

fn set_aside(reason: &str) -> SetAsideRow {
    SetAsideRow {
        value: b"not a record".to_vec(),
        value_bytes: 12,
        reason: Reason::new(reason),
        at_ms: TimestampMs(1),
    }
}

const ONE_KEY: &str = "the table has one key";
const NO_FIELDS: &str = "the row has no fields";

pub(crate) fn row_faults(faulty: &Faulty, table: TableId) -> RowFaults {
    match table {
        TableId::Meta | TableId::Settings | TableId::Retention | TableId::SetAside => {
            of_the_file(faulty, table)
        }
        TableId::Nodes | TableId::NodeNames | TableId::Shards => registered(faulty, table),
        TableId::ShardNames | TableId::ShardRanges | TableId::Placements => {
            indexes_of_shards(table)
        }
        TableId::Migrations | TableId::Events | TableId::Cleanups => work(faulty, table),
        TableId::ActiveShards
        | TableId::MigrationEvents
        | TableId::Finished
        | TableId::Requests
        | TableId::InFlight => indexes_of_migrations(faulty, table),
        TableId::LastMoves | TableId::Pauses | TableId::Quarantine => alone(faulty, table),
    }
}

fn of_the_file(faulty: &Faulty, table: TableId) -> RowFaults {
    match table {
        TableId::Meta => RowFaults {
            there: MetaKey::File.to_bytes(),
            elsewhere: b"fi1e".to_vec(),
            missing: Seen::Refused,
            extra: (Err(ONE_KEY), Seen::Not(ONE_KEY)),
            wrong: (
                changed(faulty, table::META, &MetaKey::File, |row: &mut FileMeta| {
                    row.created_by = "somebody".to_owned();
                }),
                Seen::Not("nothing else says who made the file"),
            ),
        },
        TableId::Settings => RowFaults {
            there: SettingsKey::Current.to_bytes(),
            elsewhere: b"currant".to_vec(),
            missing: by("I11", table, "current"),
            extra: (Err(ONE_KEY), Seen::Not(ONE_KEY)),
            wrong: (
                changed(faulty, table::SETTINGS, &SettingsKey::Current, |row| {
                    row.attempts_max += 1;
                }),
                Seen::Not("any settings may have been put into force"),
            ),
        },
        TableId::Retention => RowFaults {
            there: RetentionKey::Pruned.to_bytes(),
            elsewhere: b"pruned2".to_vec(),
            missing: by("I10", TableId::Events, "event"),
            extra: (Err(ONE_KEY), Seen::Not(ONE_KEY)),
            wrong: (
                changed(
                    faulty,
                    table::RETENTION,
                    &RetentionKey::Pruned,
                    |row: &mut Pruned| {
                        row.through = EventSeq(row.through.0 + 1);
                    },
                ),
                by("I10", TableId::Events, "event"),
            ),
        },
        _ => {
            let key = RowKey::first(TableId::Quarantine, &ShardId(9).to_bytes());
            let other = RowKey::first(TableId::Shards, &ShardId(88).to_bytes());
            RowFaults {
                there: key.to_bytes(),
                elsewhere: other.to_bytes(),
                missing: Seen::Not("a row that was set aside is nowhere else"),
                extra: (
                    row(table::SET_ASIDE, &other, &set_aside("damaged")),
                    by("I11", TableId::Shards, "0x0000000000000058"),
                ),
                wrong: (
                    row(table::SET_ASIDE, &key, &set_aside("other words")),
                    Seen::Not("bytes that nobody can read may be any"),
                ),
            }
        }
    }
}

fn registered(faulty: &Faulty, table: TableId) -> RowFaults {
    let ghost = NodeName::new("ghost").unwrap();
    match table {
        TableId::Nodes => RowFaults {
            there: B.to_bytes(),
            elsewhere: NodeId(77).to_bytes(),
            missing: by("I10", table, "node 2"),
            extra: (
                row(table::NODES, &NodeId(77), &node(77)),
                by("I10", table, "node 77"),
            ),
            wrong: (
                changed(faulty, table::NODES, &B, |row| row.name = ghost.clone()),
                by("I2", TableId::NodeNames, "ghost"),
            ),
        },
        TableId::NodeNames => {
            let name = NodeName::new("node-1").unwrap();
            let entry = NodeNameEntry { node: B };
            RowFaults {
                there: name.to_bytes(),
                elsewhere: ghost.to_bytes(),
                missing: by("I2", table, "node-1"),
                extra: (
                    row(table::NODE_NAMES, &ghost, &entry),
                    by("I2", table, "ghost"),
                ),
                wrong: (
                    row(table::NODE_NAMES, &name, &entry),
                    by("I2", table, "node-1"),
                ),
            }
        }
        _ => RowFaults {
            there: ShardId(5).to_bytes(),
            elsewhere: ShardId(77).to_bytes(),
            missing: by("I2", TableId::ShardNames, "shard-5"),
            extra: (
                row(table::SHARDS, &ShardId(77), &shard(77, A)),
                by("I2", TableId::Placements, "node 1, shard 77"),
            ),
            wrong: (
                changed(faulty, table::SHARDS, &ShardId(5), |row| row.owner = C),
                by("I2", TableId::Placements, "node 3, shard 5"),
            ),
        },
    }
}

fn indexes_of_shards(table: TableId) -> RowFaults {
    match table {
        TableId::ShardNames => {
            let (name, ghost) = (shard(1, A).name, shard(77, A).name);
            let entry = ShardNameEntry { shard: ShardId(2) };
            RowFaults {
                there: name.to_bytes(),
                elsewhere: ghost.to_bytes(),
                missing: by("I2", table, "shard-1"),
                extra: (
                    row(table::SHARD_NAMES, &ghost, &entry),
                    by("I2", table, "shard-77"),
                ),
                wrong: (
                    row(table::SHARD_NAMES, &name, &entry),
                    by("I2", table, "shard-1"),
                ),
            }
        }
        TableId::ShardRanges => {
            let (start, ghost) = (range("a", None).start, range("q", None).start);
            let entry = RangeEntry { shard: ShardId(1) };
            RowFaults {
                there: start.to_bytes(),
                elsewhere: ghost.to_bytes(),
                missing: by("I2", table, "\"a\""),
                extra: (
                    row(table::SHARD_RANGES, &ghost, &entry),
                    by("I2", table, "\"q\""),
                ),
                wrong: (
                    row(table::SHARD_RANGES, &start, &entry),
                    by("I2", table, "\"a\""),
                ),
            }
        }
        _ => {
            let (place, ghost) = ((A, ShardId(1)), (C, ShardId(1)));
            let replica = Placement::Replica;
            RowFaults {
                there: place.to_bytes(),
                elsewhere: ghost.to_bytes(),
                missing: by("I2", table, "node 1, shard 1"),
                extra: (
                    row(table::PLACEMENTS, &ghost, &replica),
                    by("I2", table, "node 3, shard 1"),
                ),
                wrong: (
                    row(table::PLACEMENTS, &place, &replica),
                    by("I2", table, "node 1, shard 1"),
                ),
            }
        }
    }
}

fn work(faulty: &Faulty, table: TableId) -> RowFaults {
    let pending = faulty.pending;
    match table {
        TableId::Migrations => {
            let mut more = faulty.read(table::MIGRATIONS, &pending);
            (more.id, more.shard, more.request) = (NOBODY, ShardId(50), None);
            RowFaults {
                there: pending.to_bytes(),
                elsewhere: NOBODY.to_bytes(),
                missing: by("I10", TableId::Events, "event"),
                extra: (
                    row(table::MIGRATIONS, &NOBODY, &more),
                    by("I10", table, NOBODY.to_string()),
                ),
                wrong: (
                    changed(faulty, table::MIGRATIONS, &pending, |row| {
                        row.epoch = Epoch(3)
                    }),
                    by("I3", table, pending.to_string()),
                ),
            }
        }
        TableId::Events => {
            let seq = event_of(faulty, pending, 0);
            let newest = faulty.place.open().check().unwrap().newest_event;
            let mut more = faulty.read(table::EVENTS, &seq);
            (more.seq, more.kind) = (newest.next(), EventKind::Started);
            more.at_ms = faulty.read(table::EVENTS, &newest).at_ms;
            RowFaults {
                there: seq.to_bytes(),
                elsewhere: EventSeq(newest.0 + 9).to_bytes(),
                missing: by("I10", table, format!("event {}", seq.0 + 1)),
                extra: (
                    row(table::EVENTS, &more.seq, &more),
                    by(
                        "I2",
                        TableId::MigrationEvents,
                        format!("event {}", more.seq),
                    ),
                ),
                wrong: (
                    changed(faulty, table::EVENTS, &seq, |row| {
                        row.kind = EventKind::Started
                    }),
                    by("I10", table, format!("event {seq}")),
                ),
            }
        }
        _ => {
            let place = (B, ShardId(4));
            let mut more = faulty.read(table::CLEANUPS, &place);
            (more.shard, more.migration) = (ShardId(70), NOBODY);
            RowFaults {
                there: place.to_bytes(),
                elsewhere: (C, ShardId(4)).to_bytes(),
                missing: by("I6", table, "node 2, shard 4"),
                extra: (
                    row(table::CLEANUPS, &(B, ShardId(70)), &more),
                    by("I6", table, "node 2, shard 70"),
                ),
                wrong: (
                    changed(faulty, table::CLEANUPS, &place, |row| {
                        row.migration = pending
                    }),
                    by("I6", table, "node 2, shard 4"),
                ),
            }
        }
    }
}

fn indexes_of_migrations(faulty: &Faulty, table: TableId) -> RowFaults {
    match table {
        TableId::ActiveShards => {
            let entry = ActiveShard { migration: NOBODY };
            let of = |id| row(table::ACTIVE_SHARDS, &ShardId(id), &entry);
            RowFaults {
                there: ShardId(1).to_bytes(),
                elsewhere: ShardId(99).to_bytes(),
                missing: by("I2", table, "shard 1"),
                extra: (of(99), by("I2", table, "shard 99")),
                wrong: (of(1), by("I2", table, "shard 1")),
            }
        }
        TableId::MigrationEvents => {
            let there = (faulty.pending, event_of(faulty, faulty.pending, 0));
            let ghost = (NOBODY, EventSeq(1));
            RowFaults {
                there: there.to_bytes(),
                elsewhere: ghost.to_bytes(),
                missing: by("I2", table, faulty.pending.to_string()),
                extra: (
                    row(table::MIGRATION_EVENTS, &ghost, &MigrationEvent),
                    by("I2", table, "event 1"),
                ),
                wrong: (Err(NO_FIELDS), Seen::Not(NO_FIELDS)),
            }
        }
        TableId::Finished => {
            let ended = faulty.read(table::MIGRATIONS, &faulty.failed);
            let there = (ended.state.finished_at_ms().unwrap(), faulty.failed);
            let ghost = (TimestampMs(5), NOBODY);
            RowFaults {
                there: there.to_bytes(),
                elsewhere: ghost.to_bytes(),
                missing: by("I2", table, faulty.failed.to_string()),
                extra: (
                    row(table::FINISHED, &ghost, &Finished),
                    by("I2", table, "5 ms"),
                ),
                wrong: (Err(NO_FIELDS), Seen::Not(NO_FIELDS)),
            }
        }
        TableId::Requests => {
            let entry = Request {
                migration: NOBODY,
                shard: ShardId(2),
                from: A,
                to: B,
            };
            RowFaults {
                there: key("two").to_bytes(),
                elsewhere: key("three").to_bytes(),
                missing: by("I2", table, "\"two\""),
                extra: (
                    row(table::REQUESTS, &key("three"), &entry),
                    by("I2", table, "three"),
                ),
                wrong: (
                    row(table::REQUESTS, &key("two"), &entry),
                    by("I2", table, "\"two\""),
                ),
            }
        }
        _ => {
            let (there, ghost) = (SlotScope::Source(A), SlotScope::Destination(C));
            let two = InFlight { count: 2 };
            RowFaults {
                there: there.to_bytes(),
                elsewhere: ghost.to_bytes(),
                missing: by("I2", table, "source node 1"),
                extra: (
                    row(table::IN_FLIGHT, &ghost, &two),
                    by("I2", table, "destination node 3"),
                ),
                wrong: (
                    row(table::IN_FLIGHT, &there, &two),
                    by("I2", table, "source node 1"),
                ),
            }
        }
    }
}

fn alone(faulty: &Faulty, table: TableId) -> RowFaults {
    match table {
        TableId::LastMoves => {
            let mut more = faulty.read(table::LAST_MOVES, &ShardId(3));
            more.migration = NOBODY;
            RowFaults {
                there: ShardId(3).to_bytes(),
                elsewhere: ShardId(9).to_bytes(),
                missing: Seen::Not("registering a shard elsewhere forgets its last move"),
                extra: (
                    row(table::LAST_MOVES, &ShardId(9), &more),
                    by("I5", table, "shard 9"),
                ),
                wrong: (
                    changed(faulty, table::LAST_MOVES, &ShardId(3), |row| row.from = C),
                    by("I5", table, "shard 3"),
                ),
            }
        }
        TableId::Pauses => {
            let why = "nothing else says what is paused";
            let scope = PauseScope::Migration(faulty.pending);
            let later = Pause {
                at_ms: TimestampMs(2),
                ..pause()
            };
            RowFaults {
                there: scope.to_bytes(),
                elsewhere: PauseScope::Node(A).to_bytes(),
                missing: Seen::Not(why),
                extra: (
                    row(table::PAUSES, &PauseScope::Everything, &later),
                    Seen::Not(why),
                ),
                wrong: (row(table::PAUSES, &scope, &later), Seen::Not(why)),
            }
        }
        _ => {
            let why = "nothing else says which shards are in quarantine";
            let later = Quarantined {
                at_ms: TimestampMs(2),
                ..quarantined()
            };
            RowFaults {
                there: ShardId(9).to_bytes(),
                elsewhere: ShardId(10).to_bytes(),
                missing: Seen::Not(why),
                extra: (row(table::QUARANTINE, &ShardId(10), &later), Seen::Not(why)),
                wrong: (row(table::QUARANTINE, &ShardId(9), &later), Seen::Not(why)),
            }
        }
    }
}
