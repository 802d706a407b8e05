//! Clients write all the time. At every boundary of a migration everything dies (executor, tracker
//! and nodes) and comes up again from what is on the disk; or the executor stands still, another
//! one takes over, and the first goes on. Each time every acknowledged write is on the owner, and
//! nobody else serves.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use shardferry::executor::{Executor, ExecutorOptions, StopToken};
use shardferry::{Migration, MigrationId, NodeId, Settings, ShardId};
use tempfile::TempDir;

use super::cut::{Boundary, Cut, Knife};
use super::folder;
use crate::audit::audit;
use crate::client::{Client, Shared, Stopping};
use crate::cluster::Cluster;
use crate::options::Options;
use crate::rig::{Rig, Trouble};
use crate::run::drive;

/// No migration comes to so many.
const BOUNDARIES_MAX: usize = 200;

const SHARD: ShardId = ShardId(0);

/// What becomes of the executor that is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It dies, and the tracker and the nodes with it.
    Killed,
    /// Its lease runs out while it stands still; then it goes on.
    Overtaken,
}

fn options() -> Options {
    Options {
        nodes: 3,
        shards: 2,
        clients: 2,
        // Two batches.
        rows: 600,
        value_bytes: 20,
        bytes_per_second: None,
        ..Options::default()
    }
}

/// Where it takes place: the folder of the cluster changes with each crash, the journals stay.
struct Place<'a> {
    shared: &'a Shared,
    journals: &'a Path,
    here: TempDir,
}

impl Place<'_> {
    fn cluster(&self) -> Arc<Cluster> {
        Arc::clone(&self.shared.door.enter())
    }

    /// Moves the shard on; the executor is cut off at the first boundary that is not known, which
    /// is the answer. `trouble` is made for that executor.
    fn migrate(
        &mut self,
        known: &HashSet<Boundary>,
        trouble: Option<Trouble>,
        fate: Fate,
    ) -> Option<Boundary> {
        let cluster = self.cluster();
        let owner = cluster.tracker.shard(SHARD).unwrap().unwrap().owner;
        let next = NodeId(owner.0 % options().nodes + 1);
        let id = cluster.tracker.begin_migration(SHARD, owner, next).unwrap();
        let knife = Knife::new(known.clone());
        let rig = Rig::new(&cluster);
        if let Some(trouble) = trouble {
            rig.trouble(id, trouble);
        }
        if fate == Fate::Killed {
            for node in cluster.nodes.iter() {
                let knife = Arc::clone(&knife);
                let probe = Box::new(move |at: &str| knife.pass(at));
                let _ = node.probe.set(probe);
            }
        }
        let cut = Cut {
            rig,
            knife: Arc::clone(&knife),
        };
        let stop = StopToken::new();
        let executor = {
            let (cluster, knife) = (Arc::clone(&cluster), Arc::clone(&knife));
            let options = one_worker(&stop);
            thread::spawn(move || {
                Executor::run(&cluster.tracker, &cut, &options).unwrap();
                knife.end();
            })
        };
        let cut_off = knife.wait();
        let last = knife.passed().pop();
        if cut_off {
            match fate {
                Fate::Killed => self.crash(),
                Fate::Overtaken => {}
            }
            finish(&self.cluster(), id);
        }
        match fate {
            Fate::Killed if cut_off => {
                // The dead would try again for ever, as long as writes are stopped.
                stop.stop();
                knife.kill();
            }
            Fate::Killed | Fate::Overtaken => knife.let_go_on(),
        }
        executor.join().unwrap();
        let ended = finish(&self.cluster(), id);
        if trouble.is_none() && fate == Fate::Killed {
            // A crash is no failure: the copy was right the first time.
            assert_eq!(ended.failures, []);
        }
        last.filter(|_| cut_off)
    }

    /// Everything dies while no client has a request under way: a kill in the middle of one is for
    /// the test of processes. What is on the disk is opened again.
    fn crash(&mut self) {
        let mut door = self.shared.door.close();
        let there = folder();
        image(self.here.path(), there.path());
        *door = Arc::new(Cluster::open(there.path(), &options()).unwrap());
        drop(door);
        // Files of the dead stay open until its threads have ended; they do not matter any more.
        self.here = there;
    }

    /// Everything is as it must be, in a moment in which no request is under way.
    fn check(&self, told: &str) {
        let door = self.shared.door.close();
        let audit = audit(&door, self.journals).unwrap();
        assert!(
            audit.violations.is_empty(),
            "{told}: {:#?}",
            audit.violations
        );
    }
}

fn one_worker(stop: &StopToken) -> ExecutorOptions {
    ExecutorOptions {
        workers: std::num::NonZeroUsize::MIN,
        stop: stop.clone(),
        ..ExecutorOptions::new("cut").unwrap()
    }
}

/// Ends the migration and all that it leaves.
fn finish(cluster: &Arc<Cluster>, id: MigrationId) -> Migration {
    drive(cluster, &Rig::new(cluster)).unwrap();
    let ended = cluster.tracker.get_migration(id).unwrap().unwrap();
    assert!(ended.status().is_terminal(), "{ended:?}");
    ended
}

/// What a kill leaves of the files.
fn image(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let there = to.join(path.file_name().unwrap());
        if path.is_dir() {
            fs::create_dir(&there).unwrap();
            image(&path, &there);
            continue;
        }
        // Two equal readings are what the file was between them.
        let mut last = fs::read(&path).unwrap();
        loop {
            let now = fs::read(&path).unwrap();
            if now == last {
                break;
            }
            last = now;
        }
        fs::write(there, last).unwrap();
    }
}

/// Cuts a migration at every boundary that one comes to, while clients write.
fn at_every_boundary(trouble: Option<Trouble>, fate: Fate, must_pass: &[&str]) {
    let (here, journals) = (folder(), folder());
    let cluster = Arc::new(Cluster::open(here.path(), &options()).unwrap());
    let settings = cluster.tracker.settings().unwrap();
    let settings = Settings {
        lease_ms: match fate {
            Fate::Killed => settings.lease_ms,
            // It runs out between two signs of life.
            Fate::Overtaken => 1,
        },
        backoff_ms_min: 1,
        backoff_ms_max: 2,
        ..settings
    };
    cluster.tracker.set_settings(&settings).unwrap();
    let mut shared = Shared::new(&cluster, options().value_bytes);
    shared.pace = Duration::from_micros(500);
    drop(cluster);
    let mut place = Place {
        shared: &shared,
        journals: journals.path(),
        here,
    };
    let mut known = HashSet::new();
    thread::scope(|scope| {
        let _stopping = Stopping(&shared);
        let clients: Vec<_> = (0..options().clients)
            .map(|number| Client::new(journals.path(), number, &shared).unwrap())
            .map(|client| scope.spawn(move || client.run().unwrap()))
            .collect();
        while let Some(boundary) = place.migrate(&known, trouble, fate) {
            assert!(clients.iter().all(|client| !client.is_finished()));
            place.check(&format!("{fate:?} at {boundary:?}, {trouble:?}"));
            known.insert(boundary);
            assert!(known.len() < BOUNDARIES_MAX, "{known:?}");
        }
    });
    place.check("at the end");
    for boundary in must_pass {
        assert!(
            known.contains(&((*boundary).to_owned(), 0)),
            "{boundary} is not among {known:?}"
        );
    }
    let writes = shared.acknowledged.load(Ordering::Relaxed);
    println!(
        "{fate:?}, {trouble:?}: {} boundaries, {writes} writes",
        known.len()
    );
    assert!(writes >= 100, "{writes}");
}

const MOVED: [&str; 14] = [
    "before copy",
    "a batch read",
    "a batch copied",
    "its checkpoint recorded",
    "after copy",
    "before catch_up",
    "after catch_up",
    "before fence",
    "after fence",
    "before verify",
    "after verify",
    "before activate",
    "after activate",
    "after release_source",
];

const STAYED: [&str; 4] = [
    "before unfence",
    "after unfence",
    "before discard_destination",
    "after discard_destination",
];

#[test]
fn killed_while_it_moves() {
    at_every_boundary(None, Fate::Killed, &MOVED);
}

#[test]
fn killed_while_it_is_called_off() {
    at_every_boundary(Some(Trouble::Cancelled), Fate::Killed, &STAYED);
}

#[test]
fn killed_while_it_fails() {
    at_every_boundary(Some(Trouble::Failed), Fate::Killed, &STAYED);
}

#[test]
fn killed_while_a_damaged_copy_is_made_again() {
    at_every_boundary(Some(Trouble::Damaged), Fate::Killed, &MOVED);
}

#[test]
fn overtaken_while_it_moves() {
    at_every_boundary(None, Fate::Overtaken, &MOVED);
}

#[test]
fn overtaken_while_it_is_called_off() {
    at_every_boundary(Some(Trouble::Cancelled), Fate::Overtaken, &STAYED);
}

#[test]
fn overtaken_while_it_fails() {
    at_every_boundary(Some(Trouble::Failed), Fate::Overtaken, &STAYED);
}

#[test]
fn overtaken_while_a_damaged_copy_is_made_again() {
    at_every_boundary(Some(Trouble::Damaged), Fate::Overtaken, &MOVED);
}
