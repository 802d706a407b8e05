//! Each of a few rows to a column of its own, at the least cost in sum.

/// What the rows pay in the cheapest matching: with these prices no row has a column that is cheaper for
/// it than its own, and what is no row's own costs each row at least its price. `costs` has a row of
/// `columns` costs for each; there are no more rows than columns.
///
/// Shortest augmenting paths with potentials (Kuhn, Munkres; Jonker and Volgenant, 1987).
pub(super) fn prices(costs: &[Vec<i64>], columns: usize) -> Vec<i64> {
    let mut matching = Matching {
        costs,
        rows: vec![0; costs.len()],
        columns: vec![Column::default(); columns],
    };
    for row in 0..costs.len() {
        matching.add(row);
    }
    matching.rows
}

struct Matching<'c> {
    costs: &'c [Vec<i64>],
    /// What each row pays.
    rows: Vec<i64>,
    columns: Vec<Column>,
}

#[derive(Clone, Default)]
struct Column {
    /// What it adds to the price of its row: never more than nothing.
    price: i64,
    row: Option<usize>,
    /// While a row is added: the way to it.
    least: i64,
    before: Option<usize>,
    is_done: bool,
}

impl Matching<'_> {
    fn add(&mut self, new: usize) {
        for column in &mut self.columns {
            (column.least, column.before, column.is_done) = (i64::MAX, None, false);
        }
        let (mut row, mut last) = (new, None);
        let end = loop {
            let next = self.step(row, last);
            let Some((at, by)) = next else {
                return;
            };
            self.raise(new, by);
            let Some(column) = self.columns.get_mut(at) else {
                return;
            };
            column.is_done = true;
            last = Some(at);
            match column.row {
                Some(taken) => row = taken,
                None => break at,
            }
        };
        // Each row of the way takes the column that led on from it.
        let mut at = Some(end);
        while let Some(here) = at {
            let before = self.columns.get(here).and_then(|column| column.before);
            let row = before.and_then(|before| self.columns.get(before)?.row);
            if let Some(column) = self.columns.get_mut(here) {
                column.row = Some(row.unwrap_or(new));
            }
            at = before;
        }
    }

    /// Looks from a row at every column that is not done. Answers the nearest, and how far it is.
    fn step(&mut self, row: usize, last: Option<usize>) -> Option<(usize, i64)> {
        let paid = self.rows.get(row).copied()?;
        let costs = self.costs.get(row)?;
        let mut nearest: Option<(usize, i64)> = None;
        for (at, (column, cost)) in self.columns.iter_mut().zip(costs).enumerate() {
            if column.is_done {
                continue;
            }
            let way = cost - paid - column.price;
            if way < column.least {
                (column.least, column.before) = (way, last);
            }
            if nearest.is_none_or(|(_, least)| column.least < least) {
                nearest = Some((at, column.least));
            }
        }
        nearest
    }

    /// The rows that are reached pay more, and their columns take it back.
    fn raise(&mut self, new: usize, by: i64) {
        if let Some(paid) = self.rows.get_mut(new) {
            *paid += by;
        }
        for column in &mut self.columns {
            if column.is_done {
                column.price -= by;
                if let Some(paid) = column.row.and_then(|row| self.rows.get_mut(row)) {
                    *paid += by;
                }
            } else {
                column.least = column.least.saturating_sub(by);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheapest_matching_is_found() {
        // Row and column of 3 x 4, all matchings tried.
        for seed in 0..200_u64 {
            let cost = |row: u64, column: u64| {
                let mixed = (seed * 31 + row * 7 + column + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                i64::try_from(mixed >> 60).unwrap_or_default()
            };
            let costs: Vec<Vec<i64>> = (0..3)
                .map(|row| (0..4).map(|column| cost(row, column)).collect())
                .collect();
            let mut least = i64::MAX;
            for a in 0..4 {
                for b in (0..4).filter(|b| *b != a) {
                    for c in (0..4).filter(|c| *c != a && *c != b) {
                        least = least.min(costs[0][a] + costs[1][b] + costs[2][c]);
                    }
                }
            }
            let prices = prices(&costs, 4);
            let column = |at: usize| {
                let reduced = costs.iter().zip(&prices).map(|(row, paid)| row[at] - paid);
                reduced.fold(0, i64::min)
            };
            let dual = prices.iter().sum::<i64>() + (0..4).map(column).sum::<i64>();
            assert_eq!(dual, least, "seed {seed}");
        }
    }
}
