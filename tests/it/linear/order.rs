use std::collections::HashSet;

use super::history::Entry;
use super::shard::Shard;

/// Whether the calls have an order that fits when they were under way, and in which one shard alone
/// gives these answers.
pub(super) fn is_linearizable(history: &[Entry]) -> bool {
    assert!(history.len() <= 64, "too many calls for one word");
    let left = u64::MAX.checked_shr(64 - history.len() as u32).unwrap_or(0);
    search(history, left, &Shard::default(), &mut HashSet::new())
}

/// `left` are the calls that have no place in the order yet; the others led to `shard`.
fn search(history: &[Entry], left: u64, shard: &Shard, tried: &mut HashSet<(u64, Shard)>) -> bool {
    if left == 0 {
        return true;
    }
    if !tried.insert((left, shard.clone())) {
        return false;
    }
    let open = || (0..history.len()).filter(|at| left & (1 << at) != 0);
    let first_end = open().map(|at| history[at].ended).min().unwrap_or(0);
    // The next one began before any other of them had ended.
    let mut may_be_next = open().filter(|at| history[*at].began < first_end);
    may_be_next.any(|at| {
        let entry = &history[at];
        let next = shard.after(&entry.call, &entry.ret);
        next.is_some_and(|next| search(history, left & !(1 << at), &next, tried))
    })
}
