//! What threads are told could also have been told one after the other.
//!
//! Threads do what comes to a few shards on one tracker, and each call is recorded with its answer and
//! with when it began and ended. Of each history a search (Wing and Gong) looks for an order of the calls
//! that keeps every call that ended before another began before it, and in which a plain sequential shard
//! gives the same answers. Shards have nothing to do with each other, so each has a history of its own.
//!
//! `SHARDFERRY_SEED` repeats one round, `SHARDFERRY_ROUNDS` says how many; threads run as they like, so a
//! seed repeats what was tried and not always what came of it.

mod history;
mod order;
mod shard;
mod subject;

use shardferry::NodeId;

use self::history::{Call, Entry, Ret, record};
use self::order::is_linearizable;
use self::subject::{Bug, Subject};
use crate::support::Place;

fn number(name: &str) -> Option<u64> {
    let given = std::env::var(name).ok()?;
    given.parse().ok()
}

/// The first round whose history has no order; `None`: all have one.
fn first_without_order(bug: Option<Bug>, rounds: u64) -> Option<(u64, Vec<Entry>)> {
    let place = Place::new();
    let tracker = place.create();
    let subject = Subject::new(&tracker, bug);
    let seeds = match number("SHARDFERRY_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..rounds,
    };
    for seed in seeds {
        for history in record(&subject, seed) {
            if !is_linearizable(&history) {
                return Some((seed, history));
            }
        }
    }
    None
}

#[test]
fn every_history_has_an_order() {
    let rounds = number("SHARDFERRY_ROUNDS").unwrap_or(60);
    if let Some((seed, history)) = first_without_order(None, rounds) {
        panic!("no order (SHARDFERRY_SEED={seed}): {history:#?}");
    }
}

/// The check sees: a begin that takes the race that it lost for won, and a reader that lags behind.
#[test]
fn planted_bugs_are_found() {
    for bug in [Bug::LostRaceIsWon, Bug::ReadsLag] {
        let found = first_without_order(Some(bug), 300);
        assert!(found.is_some(), "{bug:?} was not found");
    }
}

#[test]
fn histories_by_hand() {
    let id = |number| shardferry::MigrationId(uuid::Uuid::from_u128(number));
    let entry = |call, ret, began, ended| Entry {
        call,
        ret,
        began,
        ended,
    };
    let first = entry(Call::Begin, Ret::Begun(id(1)), 0, 3);
    // Both at once: one of them was first.
    let second = entry(Call::Begin, Ret::Busy(id(1)), 1, 2);
    assert!(is_linearizable(&[first.clone(), second]));
    // Two winners.
    let second = entry(Call::Begin, Ret::Begun(id(2)), 1, 2);
    assert!(!is_linearizable(&[first.clone(), second]));
    // A read that began after the begin had ended, and did not see it.
    let late = entry(Call::Active, Ret::Active(None), 4, 5);
    assert!(!is_linearizable(&[first.clone(), late]));
    // The same while the begin was under way.
    let early = entry(Call::Active, Ret::Active(None), 1, 2);
    assert!(is_linearizable(&[first.clone(), early]));
    // Two claims of one epoch.
    let claim = |began| entry(Call::Claim(id(1)), Ret::Claimed(1), began, began + 1);
    assert!(is_linearizable(&[first.clone(), claim(4)]));
    assert!(!is_linearizable(&[first, claim(4), claim(6)]));
    // Settled, and nothing was left.
    let settled = entry(Call::Settle(NodeId(1)), Ret::Done, 0, 1);
    assert!(!is_linearizable(&[settled]));
}
