use std::path::PathBuf;

/// What is run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Where the cluster is. `None`: a folder that is removed at the end.
    pub(crate) folder: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) nodes: u64,
    pub(crate) shards: u64,
    pub(crate) clients: u32,
    /// Rows that each shard has from the beginning.
    pub(crate) rows: u64,
    pub(crate) value_bytes: usize,
    /// How often each shard moves.
    pub(crate) rounds: u32,
    /// How long writes are measured without migrations.
    pub(crate) quiet_ms: u64,
    /// What all copies together may take of the disks.
    pub(crate) bytes_per_second: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            folder: None,
            json: false,
            nodes: 4,
            shards: 8,
            clients: 8,
            rows: 10_000,
            value_bytes: 200,
            rounds: 4,
            quiet_ms: 3_000,
            bytes_per_second: Some(16 << 20),
        }
    }
}

/// How it is called.
pub(crate) const USAGE: &str = "\
usage: live_kv [--json] [--folder PATH] [--nodes N] [--shards N] [--clients N] [--rows N] [--rounds N]

Kill it whenever you like and call it again with the same --folder: it goes on where it was, and
looks whether every write is there that was ever acknowledged.";

impl Options {
    /// Reads the arguments of the command line.
    pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut arguments = arguments;
        while let Some(name) = arguments.next() {
            if name == "--json" {
                options.json = true;
                continue;
            }
            if !NAMES.contains(&name.as_str()) {
                return Err(format!("{name}: no such option"));
            }
            let value = (arguments.next()).ok_or_else(|| format!("{name}: a value is missing"))?;
            if name == "--folder" {
                options.folder = Some(value.into());
                continue;
            }
            let number: u32 = value
                .parse()
                .map_err(|error| format!("{name} {value}: {error}"))?;
            match name.as_str() {
                "--nodes" => options.nodes = number.into(),
                "--shards" => options.shards = number.into(),
                "--clients" => options.clients = number,
                "--rows" => options.rows = number.into(),
                "--rounds" => options.rounds = number,
                _ => return Err(format!("{name}: no such option")),
            }
        }
        options.check()
    }

    fn check(self) -> Result<Self, String> {
        let limits = [
            ("--nodes", self.nodes, 2, 64),
            ("--shards", self.shards, 1, 1024),
            ("--clients", self.clients.into(), 1, 256),
            ("--rows", self.rows, 1, 10_000_000),
        ];
        for (name, value, least, most) in limits {
            if !(least..=most).contains(&value) {
                return Err(format!("{name} {value}: {least} to {most} are possible"));
            }
        }
        Ok(self)
    }
}

const NAMES: [&str; 6] = [
    "--folder",
    "--nodes",
    "--shards",
    "--clients",
    "--rows",
    "--rounds",
];
