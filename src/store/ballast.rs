use std::sync::{Mutex, PoisonError};

use super::volume::{Unmeasured, Volume};

/// A file that takes up space until space is needed.
///
/// A database that copies on write needs room even to note that something has ended. When the file
/// system is full, the ballast is removed, and the room it took lets what is under way be recorded.
/// It is made again when there is room for it and as much besides.
#[derive(Debug)]
pub(super) struct Ballast {
    volume: Box<dyn Volume>,
    wanted_bytes: u64,
    /// Held by whoever makes or removes it.
    hands_on: Mutex<()>,
}

impl Default for Ballast {
    fn default() -> Self {
        Self::new(Box::new(Unmeasured), 0)
    }
}

impl Ballast {
    pub(super) fn new(volume: Box<dyn Volume>, wanted_bytes: u64) -> Self {
        Self {
            volume,
            wanted_bytes,
            hands_on: Mutex::new(()),
        }
    }

    pub(super) fn volume(&self) -> &dyn Volume {
        self.volume.as_ref()
    }

    /// How many bytes it should hold, and holds.
    pub(super) fn bytes(&self) -> (u64, u64) {
        if self.wanted_bytes == 0 {
            return (0, 0);
        }
        let there = self.volume.ballast_bytes().unwrap_or(0);
        (self.wanted_bytes, there)
    }

    /// Makes it, if it is wanted, not there, and leaves as much free again. A file system that does
    /// not let it be made keeps nobody from working. Asked each time: somebody may have removed it.
    pub(super) fn restock(&self) {
        if self.wanted_bytes == 0 {
            return;
        }
        let _held = self.hands_on.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = self.wanted_bytes;
        let made = self.volume.ballast_bytes().and_then(|there| {
            let missing = bytes.saturating_sub(there);
            if missing > 0 {
                if self.volume.free_bytes()? < missing.saturating_add(bytes) {
                    return Ok(());
                }
                self.volume.make_ballast(bytes)?;
                tracing::info!(bytes, "made the ballast");
            }
            Ok(())
        });
        if let Err(error) = made {
            tracing::warn!(%error, "the ballast cannot be made");
        }
    }

    /// Removes it because the file system is full; whether that made room.
    pub(super) fn give_up(&self) -> bool {
        let _held = self.hands_on.lock().unwrap_or_else(PoisonError::into_inner);
        match self.volume.remove_ballast() {
            Ok(true) => {
                tracing::warn!(
                    bytes = self.wanted_bytes,
                    "the file system is full: the ballast is removed, so that what is under way \
                     can be recorded; make room"
                );
                true
            }
            Ok(false) => false,
            Err(error) => {
                tracing::warn!(%error, "the file system is full, and the ballast stays");
                false
            }
        }
    }
}
