//! The real binary on a real cluster of directories, killed with SIGKILL at random moments and
//! started again until it is done. Afterwards each shard is exactly once at its owner, with every
//! byte as it was.
//!
//! The seed is printed; `SHARDFERRY_SEED=<seed>` replays the same files and the same moments.
//! `SHARDFERRY_KILLS=10000` kills so often, in many clusters one after the other (`just kill`).

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use shardferry::movers::directory::is_temporary_name;
use shardferry::{MigrationTracker, NodeId};
use tempfile::TempDir;

use crate::digest::digest;
use crate::random::{Random, number, seed};
use crate::support::{binary, quick_folder};

/// How often the binary has to die before the test may end, without `SHARDFERRY_KILLS`.
const KILLS_MIN: u64 = 30;

/// A cluster is put away after so many kills: what retention and growth do is seen, and so is
/// what is new in a fresh file.
const KILLS_PER_CLUSTER: u64 = 500;

/// One in so many clusters has a shard that takes many lives to copy.
const LARGE_EVERY: u64 = 4;

/// How long the test looks for a moment to kill at before it says that there is none.
const PATIENCE: Duration = Duration::from_secs(240);
/// And for each kill that is asked for.
const PATIENCE_PER_KILL: Duration = Duration::from_secs(1);

const SIGKILL: i32 = 9;

const NODES: u64 = 3;
const SHARDS: u64 = 30;

#[test]
fn killed_at_random_moments_it_loses_nothing() {
    let mut random = Random(seed());
    let wanted = number("SHARDFERRY_KILLS", KILLS_MIN);
    let patience = PATIENCE + PATIENCE_PER_KILL * u32::try_from(wanted).unwrap();
    let started = Instant::now();
    let (mut kills, mut phases, mut clusters) = (0, 0, 0);
    while kills < wanted {
        let is_large = clusters % LARGE_EVERY == 0;
        let (cluster, killed) = Cluster::build(&mut random, is_large);
        let digests = cluster.digests();
        assert_eq!(digests.len(), usize::try_from(SHARDS).unwrap());
        kills += killed;
        let end = wanted.min(kills + KILLS_PER_CLUSTER);
        // Each phase empties one node onto the others: plenty of moves, in every direction.
        for phase in 1.. {
            assert!(started.elapsed() < patience, "only {kills} kills");
            cluster.drain((phase - 1) % NODES + 1);
            kills += cluster.rebalance_under_fire(&mut random);
            phases += 1;
            cluster.assert_whole(&digests, phase);
            if kills >= end {
                break;
            }
        }
        clusters += 1;
        if wanted > KILLS_MIN {
            eprintln!("{kills} kills, {:.0?}", started.elapsed());
        }
    }
    eprintln!(
        "{kills} kills in {phases} phases of {clusters} clusters, 0 bad, {:.0?}",
        started.elapsed()
    );
}

struct Cluster {
    folder: TempDir,
    /// The longest lives are `1 << longest` milliseconds.
    longest: u64,
}

/// How a life of the binary ended.
struct Ended {
    killed: bool,
    status: ExitStatus,
}

impl Cluster {
    /// Every shard on the first node: files and folders, and in a large cluster one file that is
    /// larger than what is copied between two checkpoints. Also how often the creation of the
    /// database was killed.
    fn build(random: &mut Random, is_large: bool) -> (Self, u64) {
        let cluster = Self {
            folder: quick_folder(),
            longest: if is_large { 9 } else { 6 },
        };
        let bytes_max = if is_large { 600_000 } else { 20_000 };
        for node in 1..=NODES {
            fs::create_dir(cluster.node(node)).unwrap();
        }
        for shard in 1..=SHARDS {
            let path = cluster.node(1).join(format!("shard-{shard:02}"));
            match shard % 3 {
                0 => {
                    fs::create_dir_all(path.join("deep/er")).unwrap();
                    for (at, name) in ["a", "deep/b", "deep/er/c"].iter().enumerate() {
                        let len = random.below(bytes_max / 5) + u64::try_from(at).unwrap();
                        fs::write(path.join(name), random.bytes(len)).unwrap();
                    }
                }
                1 if shard == 1 && is_large => fs::write(path, random.bytes(70 << 20)).unwrap(),
                _ => {
                    let len = random.below(bytes_max);
                    fs::write(path, random.bytes(len)).unwrap();
                }
            }
        }
        let kills = cluster.create_under_fire(random);
        assert!(cluster.run(&["init"]).success());
        cluster.apply(None);
        (cluster, kills)
    }

    /// Kills the creation of the database; how often. It is then not there, or whole.
    fn create_under_fire(&self, random: &mut Random) -> u64 {
        let mut kills = 0;
        for _ in 0..8 {
            kills += u64::from(self.live(&["init"], random.below(8_000)).killed);
            if self.database().exists() {
                assert!(self.run(&["check"]).success(), "check after a creation");
                fs::remove_file(self.database()).unwrap();
            }
        }
        kills
    }

    fn node(&self, id: u64) -> PathBuf {
        self.folder.path().join(format!("node-{id}"))
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("shards.redb")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .arg("--db")
            .arg(self.database())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> ExitStatus {
        let mut command = self.command(arguments);
        let output = command.stderr(Stdio::piped()).output().unwrap();
        if !output.status.success() {
            eprintln!("{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        output.status
    }

    /// Declares the nodes, one of them draining.
    fn apply(&self, draining: Option<u64>) {
        let mut text = String::new();
        for node in 1..=NODES {
            let state = if draining == Some(node) {
                "draining"
            } else {
                "active"
            };
            text.push_str(&format!(
                "[[nodes]]\nid = {node}\nname = \"node-{node}\"\npath = {:?}\n\
                 state = \"{state}\"\nscan = true\n\n",
                self.node(node)
            ));
        }
        let file = self.folder.path().join("cluster.toml");
        fs::write(&file, text).unwrap();
        assert!(self.run(&["apply", file.to_str().unwrap()]).success());
    }

    fn drain(&self, node: u64) {
        self.apply(Some(node));
    }

    /// Plans and moves, killed again and again; how often. The first call plans; when it dies
    /// before its plan is begun, the next one plans again.
    fn rebalance_under_fire(&self, random: &mut Random) -> u64 {
        let mut kills = 0;
        loop {
            if random.below(4) == 0 {
                kills += self.burst(random);
            }
            let command = if self.has_work() { "run" } else { "rebalance" };
            let arguments: &[&str] = match command {
                "run" => &["run", "--workers", "3"],
                _ => &["rebalance", "--by", "count", "--threshold", "0", "--yes"],
            };
            // Mostly short lives, some long enough for the largest shard.
            let longest_ms = 1 << (1 + random.below(self.longest));
            let life = self.live(arguments, random.below(1_000 * longest_ms));
            kills += u64::from(life.killed);
            assert!(self.run(&["check"]).success(), "check after a kill");
            if life.status.success() && !self.has_work() {
                return kills;
            }
            assert!(
                life.killed || life.status.success(),
                "{command} ended by itself with {}",
                life.status
            );
        }
    }

    /// Lives so short that most end while the file is opened, which the one before left to be
    /// recovered.
    fn burst(&self, random: &mut Random) -> u64 {
        let mut kills = 0;
        for _ in 0..2 + random.below(8) {
            let life = self.live(&["run"], random.below(6_000));
            assert!(life.killed || life.status.success(), "{}", life.status);
            kills += u64::from(life.killed);
        }
        kills
    }

    /// Runs the binary, and kills it after so many microseconds.
    fn live(&self, arguments: &[&str], life_us: u64) -> Ended {
        let mut child = self.command(arguments).spawn().unwrap();
        thread::sleep(Duration::from_micros(life_us));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        // It may have ended just before.
        let killed = status.signal() == Some(SIGKILL);
        Ended { killed, status }
    }

    /// Whether something is unfinished.
    fn has_work(&self) -> bool {
        let tracker = MigrationTracker::open(self.database()).unwrap();
        !tracker.unfinished().unwrap().is_empty() || !tracker.cleanups().unwrap().is_empty()
    }

    /// The digest of each entry of each node, by name.
    fn digests(&self) -> BTreeMap<String, String> {
        let mut digests = BTreeMap::new();
        for node in 1..=NODES {
            for entry in fs::read_dir(self.node(node)).unwrap() {
                let entry = entry.unwrap();
                let name = entry.file_name();
                if name == ".shardferry-node" {
                    continue;
                }
                assert!(!is_temporary_name(&name), "{name:?} is left on node {node}");
                let name = name.into_string().unwrap();
                let twice = digests.insert(name.clone(), digest(&entry.path()));
                assert_eq!(twice, None, "{name} is on two nodes");
            }
        }
        digests
    }

    fn assert_whole(&self, digests: &BTreeMap<String, String>, phase: u64) {
        assert_eq!(&self.digests(), digests, "phase {phase}");
        let tracker = MigrationTracker::open(self.database()).unwrap();
        assert!(tracker.check().unwrap().is_clean());
        let shards = tracker.snapshot().unwrap().shards;
        assert_eq!(shards.len(), digests.len());
        for shard in shards {
            let path = self.node(shard.owner.0).join(shard.name.to_string());
            assert!(
                path.symlink_metadata().is_ok(),
                "{path:?} is not at its owner"
            );
            assert_ne!(
                shard.owner,
                NodeId((phase - 1) % NODES + 1),
                "the node is drained"
            );
        }
        let left: Vec<_> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .filter(|name| name.to_string_lossy().starts_with('.'))
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }
}
