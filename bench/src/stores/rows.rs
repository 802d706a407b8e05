use uuid::Uuid;

use crate::random::Random;

/// The rows of a migration that begins, about as long as those of shardferry.
pub(super) struct Rows {
    pub(super) id: [u8; 16],
    pub(super) record: [u8; 120],
    pub(super) event: [u8; 60],
}

impl Rows {
    pub(super) fn of(shard: u64) -> Self {
        let mut bytes = Random::new(shard);
        // A store that compresses finds nothing to compress.
        let mut byte = || bytes.below(256).to_le_bytes()[0];
        Self {
            id: *Uuid::now_v7().as_bytes(),
            record: std::array::from_fn(|_| byte()),
            event: std::array::from_fn(|_| byte()),
        }
    }
}
