use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::time::Duration;

use super::{CommandError, CommandMover, Limits, Step};

/// What every variable begins with that the mover sets in each call.
pub(super) const OWN_VARIABLES: &str = "SHARDFERRY_";

/// How long a program that was told to end may go on before it is killed.
const GRACE: Duration = Duration::from_secs(5);

/// Describes a [`CommandMover`]; [`CommandMover::builder`] has an example.
#[derive(Clone, Debug)]
pub struct CommandMoverBuilder {
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) env: BTreeMap<OsString, OsString>,
    pub(super) steps: BTreeSet<Step>,
    pub(super) limits: BTreeMap<Step, Limits>,
    pub(super) grace: Duration,
}

impl CommandMoverBuilder {
    pub(super) fn new(program: OsString) -> Self {
        Self {
            program,
            args: Vec::new(),
            env: BTreeMap::new(),
            steps: BTreeSet::new(),
            limits: BTreeMap::new(),
            grace: GRACE,
        }
    }

    /// One more argument, as it is: no shell reads it.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// More arguments, as they are.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// A variable of the program's environment, besides those of this process.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// The steps that the program has. The others are skipped.
    #[must_use]
    pub fn steps(mut self, steps: impl IntoIterator<Item = Step>) -> Self {
        self.steps.extend(steps);
        self
    }

    /// How long a call of `step` may take, instead of [`Limits::of`] it.
    #[must_use]
    pub fn limits(mut self, step: Step, limits: Limits) -> Self {
        self.limits.insert(step, limits);
        self
    }

    /// How long a program that was told to end may go on before it is killed; five seconds where
    /// nothing is said.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Checks the description. Whether the program is there shows when it is called.
    ///
    /// # Errors
    /// [`CommandError`]: why no program can be a mover with this description.
    pub fn build(self) -> Result<CommandMover, CommandError> {
        self.check_texts()?;
        self.check_steps()?;
        self.check_limits()?;
        Ok(CommandMover::of(self))
    }

    fn check_texts(&self) -> Result<(), CommandError> {
        if self.program.is_empty() {
            return Err(CommandError::NoProgram);
        }
        without_zero("the program", &self.program)?;
        for arg in &self.args {
            without_zero("the argument", arg)?;
        }
        for (name, value) in &self.env {
            without_zero("the variable", name)?;
            without_zero("the value", value)?;
            let shown = name.to_string_lossy();
            if name.is_empty() || shown.contains('=') {
                let name = shown.into_owned();
                return Err(CommandError::BadVariable { name });
            }
            if shown.starts_with(OWN_VARIABLES) {
                let name = shown.into_owned();
                return Err(CommandError::OwnVariable { name });
            }
        }
        Ok(())
    }

    fn check_steps(&self) -> Result<(), CommandError> {
        for step in Step::ALL {
            if let Some(why) = step.why_needed()
                && !self.steps.contains(&step)
            {
                return Err(CommandError::StepMissing { step, why });
            }
        }
        for (declared, missing) in [(Step::Fence, Step::Unfence), (Step::Unfence, Step::Fence)] {
            if self.steps.contains(&declared) && !self.steps.contains(&missing) {
                return Err(CommandError::Unpaired { declared, missing });
            }
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), CommandError> {
        for (&step, limits) in &self.limits {
            if !self.steps.contains(&step) {
                return Err(CommandError::LimitsOfNoStep { step });
            }
            for (which, limit) in [("idle", limits.idle), ("total", limits.total)] {
                if limit == Some(Duration::ZERO) {
                    return Err(CommandError::NoTime { step, which });
                }
            }
        }
        Ok(())
    }
}

fn without_zero(what: &'static str, text: &OsStr) -> Result<(), CommandError> {
    if text.as_encoded_bytes().contains(&0) {
        let shown = text.to_string_lossy().into_owned();
        return Err(CommandError::ZeroByte { what, shown });
    }
    Ok(())
}
