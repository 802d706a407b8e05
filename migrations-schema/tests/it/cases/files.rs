//! `meta`, `settings`, `retention`, `set_aside`: the file itself.

use migrations_schema::key::{MetaKey, RetentionKey, RowKey, SettingsKey};
use migrations_schema::table::{self, TableId};
use migrations_schema::text::Reason;
use migrations_schema::v1::{FileMeta, Pruned, SetAsideRow, Settings, Verification};
use migrations_schema::{EventSeq, FORMAT, FileId, TimestampMs};
use uuid::Uuid;

use super::samples::{END_OF_TIME, NEW_YEAR, file_id, longest_reason};
use super::{Case, case, variants};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = meta();
    cases.extend(settings());
    cases.extend(retention());
    cases.extend(set_aside());
    cases
}

fn meta() -> Vec<Case> {
    let row = |name: &str, meta: FileMeta| case(table::META, name, MetaKey::File, meta);
    vec![
        row(
            "minimal",
            FileMeta {
                format: 1,
                file: FileId(Uuid::nil()),
                created_at_ms: TimestampMs(0),
                created_by: String::new(),
            },
        ),
        row(
            "maximal",
            FileMeta {
                format: u32::MAX,
                file: FileId(Uuid::max()),
                created_at_ms: END_OF_TIME,
                created_by: "x".repeat(FileMeta::CREATED_BY_BYTES_MAX),
            },
        ),
        row(
            "typical",
            FileMeta {
                format: FORMAT,
                file: file_id(),
                created_at_ms: NEW_YEAR,
                created_by: "shardferry 0.1.0".to_owned(),
            },
        ),
    ]
}

fn settings() -> Vec<Case> {
    let row = |name: &str, settings: Settings| {
        case(table::SETTINGS, name, SettingsKey::Current, settings)
    };
    let mut cases = vec![
        row("minimal", smallest_settings()),
        row("maximal", largest_settings()),
        row("default", Settings::default()),
    ];
    let verifications = variants! { Verification;
        Verification::Optional => "optional": Verification::Optional,
        Verification::Required => "required": Verification::Required,
    };
    cases.extend(verifications.into_iter().map(|(name, verification)| {
        row(
            &format!("verification-{name}"),
            Settings {
                verification,
                ..smallest_settings()
            },
        )
    }));
    cases
}

fn smallest_settings() -> Settings {
    Settings {
        verification: Verification::Optional,
        in_flight_max: None,
        in_flight_per_source_max: None,
        in_flight_per_destination_max: None,
        in_flight_per_pair_max: None,
        bytes_per_second_max: None,
        ageing_ms: 0,
        attempts_max: 1,
        backoff_ms_min: 0,
        backoff_ms_max: 0,
        lease_ms: 1,
        stall_ms: 0,
        cooldown_ms: 0,
        cleanup_grace_ms: 0,
        retention_count_max: None,
        retention_ms_max: None,
        progress_lag_ms_max: 0,
        free_bytes_min: 0,
    }
}

fn largest_settings() -> Settings {
    Settings {
        verification: Verification::Required,
        in_flight_max: Some(u32::MAX),
        in_flight_per_source_max: Some(u32::MAX),
        in_flight_per_destination_max: Some(u32::MAX),
        in_flight_per_pair_max: Some(u32::MAX),
        ageing_ms: u64::MAX,
        bytes_per_second_max: Some(u64::MAX),
        attempts_max: u32::MAX,
        backoff_ms_min: u64::MAX,
        backoff_ms_max: u64::MAX,
        lease_ms: u64::MAX,
        stall_ms: u64::MAX,
        cooldown_ms: u64::MAX,
        cleanup_grace_ms: u64::MAX,
        retention_count_max: Some(u64::MAX),
        retention_ms_max: Some(u64::MAX),
        progress_lag_ms_max: u64::MAX,
        free_bytes_min: u64::MAX,
    }
}

fn retention() -> Vec<Case> {
    let row = |name: &str, through: u64, migrations: u64| {
        let through = EventSeq(through);
        case(
            table::RETENTION,
            name,
            RetentionKey::Pruned,
            Pruned {
                through,
                migrations,
            },
        )
    };
    vec![
        row("minimal", 0, 0),
        row("maximal", u64::MAX, u64::MAX),
        row("typical", 70_000, 1_234),
    ]
}

fn set_aside() -> Vec<Case> {
    let row = |name, table, part, key, row| {
        case(table::SET_ASIDE, name, RowKey { table, part, key }, row)
    };
    let node = vec![0, 0, 0, 0, 0, 0, 0, 7];
    vec![
        row(
            "minimal",
            0,
            0,
            Vec::new(),
            SetAsideRow {
                value: Vec::new(),
                value_bytes: 0,
                reason: Reason::new(""),
                at_ms: TimestampMs(0),
            },
        ),
        row(
            "maximal",
            u8::MAX,
            u32::MAX,
            vec![0xff; 1024],
            SetAsideRow {
                value: vec![0xff; most_kept()],
                value_bytes: u64::MAX,
                reason: longest_reason(),
                at_ms: END_OF_TIME,
            },
        ),
        row(
            "typical",
            TableId::Nodes.tag(),
            0,
            node.clone(),
            SetAsideRow {
                value: b"not a record".to_vec(),
                value_bytes: 12,
                reason: Reason::new("the value begins with [6e, 6f] instead of [53, 46]"),
                at_ms: NEW_YEAR,
            },
        ),
        row(
            "longest-whole",
            TableId::Nodes.tag(),
            0,
            node.clone(),
            zeros(most_kept(), 0),
        ),
        row(
            "part-first",
            TableId::Nodes.tag(),
            0,
            node.clone(),
            zeros(most_kept(), 1),
        ),
        row("part-last", TableId::Nodes.tag(), 1, node, zeros(1, 1)),
    ]
}

/// Most bytes of a value in one part.
fn most_kept() -> usize {
    usize::try_from(SetAsideRow::VALUE_BYTES_MAX).unwrap()
}

/// So many bytes of a value that has `more` than fit into one part.
fn zeros(len: usize, more: u64) -> SetAsideRow {
    SetAsideRow {
        value: vec![0; len],
        value_bytes: SetAsideRow::VALUE_BYTES_MAX + more,
        reason: Reason::new("the value begins with [00, 00] instead of [53, 46]"),
        at_ms: NEW_YEAR,
    }
}
