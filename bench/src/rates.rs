//! Figures of several runs.

/// What was measured, run by run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(Vec<f64>);

impl Figures {
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn push(&mut self, figure: f64) {
        self.0.push(figure);
    }

    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let upper = sorted.get(sorted.len() / 2);
        let lower = sorted.get(sorted.len().saturating_sub(1) / 2);
        match (lower, upper) {
            (Some(lower), Some(upper)) => f64::midpoint(*lower, *upper),
            _ => f64::NAN,
        }
    }

    fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::min)
    }

    fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }

    /// How many times those of `other`, which were measured in turn with these: run by run, so that what
    /// else the machine does matters less.
    pub(crate) fn over(&self, other: &Self) -> Self {
        let pairs = self.0.iter().zip(&other.0);
        Self(pairs.map(|(figure, whole)| figure / whole).collect())
    }

    /// Median, min and max: three cells of a table.
    pub(crate) fn cells(&self) -> [String; 3] {
        [self.median(), self.min(), self.max()].map(short)
    }

    /// The median, and in brackets how far the runs are apart.
    pub(crate) fn cell(&self) -> String {
        let [median, min, max] = self.cells();
        format!("{median} ({min} to {max})")
    }
}

/// So many digits as say something.
pub(crate) fn short(figure: f64) -> String {
    match figure.abs() {
        small if small < 0.1 => format!("{figure:.4}"),
        small if small < 10.0 => format!("{figure:.2}"),
        middle if middle < 100.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}

/// How many times `whole` a figure is.
pub(crate) fn times(figure: f64, whole: f64) -> String {
    if whole > 0.0 {
        format!("{:.2}", figure / whole)
    } else {
        "-".to_owned()
    }
}
