//! What redb's copy locks with: in place of its `src/sync.rs`.

pub(crate) use shuttle::sync::{
    Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard, atomic,
};
pub(crate) use std::sync::PoisonError;
