//! What a transaction knows without looking, as long as nothing was written that decides it. The next one
//! knows it as well, when this one was committed.

use super::LogEnd;
use crate::schema::table::TableId;
use crate::schema::v1::Settings;

/// What somebody found in the transaction. `None`: whoever wants to know it looks.
#[derive(Debug, Default)]
pub struct Known {
    /// Where the log goes on.
    pub log_end: Option<LogEnd>,
    /// The settings in force.
    pub settings: Option<Settings>,
}

impl Known {
    /// A row of `table` is written.
    pub(super) fn forget(&mut self, table: TableId) {
        if matches!(
            table,
            TableId::Events | TableId::Retention | TableId::SetAside
        ) {
            self.log_end = None;
        }
        if matches!(table, TableId::Settings | TableId::SetAside) {
            self.settings = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use redb::Database;
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::schema::key::SettingsKey;
    use crate::schema::table::SETTINGS;
    use crate::store::health::Health;
    use crate::store::redb_tx::RedbTx;
    use crate::store::{Tx as _, put};

    /// Settings that an operation before it in the batch put into force, or that were taken back.
    #[test]
    fn settings_are_looked_for_again_once_some_were_written() {
        let memory = InMemoryBackend::new();
        let db = Database::builder().create_with_backend(memory).unwrap();
        let (txn, health) = (db.begin_write().unwrap(), Health::default());
        let mut tx = RedbTx::new(&txn, &health);
        let found = Settings::default();
        let know = |tx: &mut RedbTx<'_>| tx.known().unwrap().settings = Some(found.clone());
        let is_known = |tx: &mut RedbTx<'_>| tx.known().unwrap().settings.is_some();
        know(&mut tx);
        tx.put(TableId::Nodes, &[1], &[1]).unwrap();
        assert!(is_known(&mut tx));
        let mark = tx.mark();
        put(&mut tx, SETTINGS, &SettingsKey::Current, &found).unwrap();
        assert!(!is_known(&mut tx));
        know(&mut tx);
        tx.take_back(&mark).unwrap();
        assert!(!is_known(&mut tx));
    }
}
