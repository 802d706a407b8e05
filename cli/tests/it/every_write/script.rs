//! What the binary is asked to do, one process after the other.

/// One command.
#[derive(Clone, Debug)]
pub(super) struct Step {
    /// As it is written in the script.
    pub(super) text: String,
    /// What the binary is given.
    pub(super) arguments: Vec<String>,
    /// How it ends when nothing disturbs it.
    pub(super) code: i32,
}

impl Step {
    /// Every command of the script.
    pub(super) fn all() -> Vec<Self> {
        let lines = include_str!("script.txt").lines();
        let commands = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        commands.map(Self::parse).collect()
    }

    /// The command of one line.
    pub(super) fn parse(line: &str) -> Self {
        let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let code = words[0].parse();
        if code.is_ok() {
            words.remove(0);
        }
        Self {
            text: line.to_owned(),
            arguments: words,
            code: code.unwrap_or(0),
        }
    }

    /// Whether it is one transaction: then a kill leaves all of it or nothing. The others are
    /// gone on with.
    pub(super) fn is_one_transaction(&self) -> bool {
        !matches!(self.arguments[0].as_str(), "run" | "rebalance")
    }
}
