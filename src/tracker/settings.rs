use std::sync::PoisonError;

use super::MigrationTracker;
use super::log::{About, append};
use crate::schema::key::SettingsKey;
use crate::schema::text::Reason;
use crate::schema::v1::{Actor, EventKind, Settings};
use crate::schema::{TimestampMs, table};
use crate::store::{Procedure, StoreError, Tx, put};

impl MigrationTracker {
    /// Puts settings into force, now and after every restart.
    ///
    /// # Errors
    /// [`StoreError::Encode`] when they contradict themselves; nothing changed.
    pub fn set_settings(&self, settings: &Settings) -> Result<(), StoreError> {
        let order = self.settings_order.lock();
        let _order = order.unwrap_or_else(PoisonError::into_inner);
        self.write(SetSettings {
            settings: settings.clone(),
            now: self.now(),
        })?;
        self.settings_changed(settings);
        Ok(())
    }
}

pub(super) struct SetSettings {
    pub(super) settings: Settings,
    pub(super) now: TimestampMs,
}

impl Procedure for SetSettings {
    type Output = ();
    type Error = StoreError;

    fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        put(tx, table::SETTINGS, &SettingsKey::Current, &self.settings)?;
        append(
            tx,
            About::the_cluster(),
            EventKind::SettingsChanged,
            Actor::Caller,
            &Reason::default(),
            self.now,
        )
    }
}
