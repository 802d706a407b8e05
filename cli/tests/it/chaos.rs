//! The real binary on a real cluster of directories, killed with SIGKILL at random moments and
//! started again until it is done. Afterwards each shard is exactly once at its owner, with every
//! byte as it was.
//!
//! The seed is printed; `SHARDFERRY_SEED=<seed>` replays the same files and the same moments.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use shardferry::movers::directory::is_temporary_name;
use shardferry::{MigrationTracker, NodeId};
use tempfile::TempDir;

/// How often the binary has to die before the test may end.
const KILLS_MIN: usize = 30;

/// How long the test looks for a moment to kill at before it says that there is none.
const PATIENCE: Duration = Duration::from_secs(240);

const NODES: u64 = 3;
const SHARDS: u64 = 30;

#[test]
fn killed_at_random_moments_it_loses_nothing() {
    let seed = std::env::var("SHARDFERRY_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| u64::from(std::process::id()) * 7_919);
    eprintln!("SHARDFERRY_SEED={seed}");
    let mut random = Random(seed);
    let cluster = Cluster::build(&mut random);
    let digests = cluster.digests();
    assert_eq!(digests.len(), usize::try_from(SHARDS).unwrap());

    let started = Instant::now();
    let (mut kills, mut phases) = (0, 0);
    // Each phase empties one node onto the others: plenty of moves, in every direction.
    while kills < KILLS_MIN {
        assert!(started.elapsed() < PATIENCE, "only {kills} kills");
        cluster.drain(phases % NODES + 1);
        kills += cluster.rebalance_under_fire(&mut random);
        phases += 1;
        cluster.assert_whole(&digests, phases);
    }
    eprintln!("{kills} kills in {phases} phases, {:?}", started.elapsed());
}

struct Cluster {
    folder: TempDir,
}

impl Cluster {
    /// Every shard on the first node: files, folders, and one file that is larger than what is
    /// copied between two checkpoints.
    fn build(random: &mut Random) -> Self {
        let cluster = Self {
            folder: TempDir::new().unwrap(),
        };
        for node in 1..=NODES {
            fs::create_dir(cluster.node(node)).unwrap();
        }
        for shard in 1..=SHARDS {
            let path = cluster.node(1).join(format!("shard-{shard:02}"));
            match shard % 3 {
                0 => {
                    fs::create_dir_all(path.join("deep/er")).unwrap();
                    for (at, name) in ["a", "deep/b", "deep/er/c"].iter().enumerate() {
                        let len = random.below(120_000) + u64::try_from(at).unwrap();
                        fs::write(path.join(name), random.bytes(len)).unwrap();
                    }
                }
                1 if shard == 1 => fs::write(path, random.bytes(70 << 20)).unwrap(),
                _ => {
                    let len = random.below(600_000);
                    fs::write(path, random.bytes(len)).unwrap();
                }
            }
        }
        assert!(cluster.run(&["init"]).success());
        cluster.apply(None);
        cluster
    }

    fn node(&self, id: u64) -> PathBuf {
        self.folder.path().join(format!("node-{id}"))
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("shards.redb")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shardferry"));
        command
            .arg("--db")
            .arg(self.database())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> std::process::ExitStatus {
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
    fn rebalance_under_fire(&self, random: &mut Random) -> usize {
        let mut kills = 0;
        loop {
            let command = if self.has_work() { "run" } else { "rebalance" };
            let arguments: &[&str] = match command {
                "run" => &["run", "--workers", "3"],
                _ => &["rebalance", "--by", "count", "--threshold", "0", "--yes"],
            };
            let mut child = self.command(arguments).spawn().unwrap();
            // Mostly short lives, some long enough for the largest shard.
            let longest_ms = 5 << random.below(8);
            let life = Duration::from_millis(random.below(longest_ms));
            thread::sleep(life);
            let finished = child.try_wait().unwrap();
            if finished.is_none() {
                child.kill().unwrap();
                kills += 1;
            }
            let status = child.wait().unwrap();
            assert!(self.run(&["check"]).success(), "check after a kill");
            if status.success() && !self.has_work() {
                return kills;
            }
            assert!(
                finished.is_none() || status.success(),
                "{command} ended by itself with {status}"
            );
        }
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

/// The digest of a file, or of all files in a folder with their names.
fn digest(path: &Path) -> String {
    let mut hasher = blake3::Hasher::new();
    feed(&mut hasher, path, Path::new(""));
    hasher.finalize().to_hex().to_string()
}

fn feed(hasher: &mut blake3::Hasher, path: &Path, name: &Path) {
    hasher.update(name.as_os_str().as_encoded_bytes());
    if path.is_dir() {
        let mut names: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        for entry in names {
            feed(hasher, &path.join(&entry), &name.join(&entry));
        }
    } else {
        hasher.update(&fs::read(path).unwrap());
    }
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    fn bytes(&mut self, len: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while u64::try_from(bytes.len()).unwrap() < len {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(usize::try_from(len).unwrap());
        bytes
    }
}
