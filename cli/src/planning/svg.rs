//! The load of each node before and after a plan, as a picture.

use shardferry::planner::{Band, NodeLoad, Resource};

use super::Planned;
use super::text::amount;

/// Up to so many nodes have a row with their name; more are columns side by side.
const ROWS_MAX: usize = 48;

/// At most so many columns; neighbours share one beyond that.
const COLUMNS_MAX: usize = 1000;

const WIDTH: f64 = 1080.0;
const MARGIN: f64 = 40.0;
const ROW: f64 = 30.0;
const PANEL: f64 = 190.0;

const STYLE: &str = "\
text{font:12px sans-serif;fill:#334}.title{font-size:16px;font-weight:bold}.amount{font-size:11px;\
fill:#556}.before{fill:#b4bccb}.after{fill:#3b78c2}.out{fill:#cf5b3c}.band{fill:#4aa564;\
fill-opacity:.3}.range{fill:#4aa564;fill-opacity:.25;stroke:#2f8a4c;stroke-width:.8}.axis{stroke:#99a;stroke-width:1}";

/// What is drawn of a node.
struct Bar {
    name: String,
    before: u128,
    after: u128,
    band: Option<Band>,
}

/// The loads of a plan as a picture that needs nothing else.
pub(crate) fn svg_of(planned: &Planned) -> String {
    let mut body = String::new();
    let mut y = MARGIN;
    for (rank, resource) in planned.policy.priorities().iter().enumerate() {
        let bar = |load: &NodeLoad| Bar {
            name: planned.names.node(load.node),
            before: load.before.get(*resource),
            after: load.after.get(*resource),
            band: load.bands.get(rank).copied(),
        };
        let bars: Vec<Bar> = planned.plan.loads.iter().map(bar).collect();
        let chart = Chart::new(&bars, *resource);
        body.push_str(&chart.title(y, planned.plan.moves.len()));
        y += 44.0;
        y = if bars.len() <= ROWS_MAX {
            chart.rows(&mut body, y)
        } else {
            chart.panels(&mut body, y)
        };
        y += MARGIN;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH:.0}\" height=\"{y:.0}\" \
         viewBox=\"0 0 {WIDTH:.0} {y:.0}\">\n<style>{STYLE}</style>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{body}</svg>\n"
    )
}

struct Chart<'a> {
    bars: &'a [Bar],
    resource: Resource,
    most: u128,
}

impl<'a> Chart<'a> {
    fn new(bars: &'a [Bar], resource: Resource) -> Self {
        let most = |bar: &Bar| {
            let band = bar.band.map_or(0, |band| band.most);
            // A band that is far beyond every load would leave the loads no room.
            bar.before
                .max(bar.after)
                .max(band.min(bar.before.max(bar.after).saturating_mul(2)))
        };
        let most = bars.iter().map(most).max().unwrap_or(0).max(1);
        Self {
            bars,
            resource,
            most,
        }
    }

    fn title(&self, y: f64, moves: usize) -> String {
        let nodes = crate::text::count(self.bars.len(), "node");
        let moves = crate::text::count(moves, "move");
        let legend = y + 22.0;
        let key = |x: f64, class: &str, text: &str| {
            format!(
                "<rect class=\"{class}\" x=\"{x:.0}\" y=\"{:.1}\" width=\"12\" height=\"10\"/>\
                 <text class=\"amount\" x=\"{:.0}\" y=\"{legend:.1}\">{text}</text>\n",
                legend - 9.0,
                x + 17.0
            )
        };
        format!(
            "<text class=\"title\" x=\"{MARGIN}\" y=\"{y:.1}\">{} per node: {nodes}, {moves}</text>\n\
             {}{}{}{}",
            self.resource,
            key(MARGIN, "before", "before"),
            key(MARGIN + 80.0, "after", "after"),
            key(MARGIN + 150.0, "out", "after, outside its band"),
            key(MARGIN + 310.0, "band", "band"),
        )
    }

    /// How long `load` is where the fullest is `length` long.
    fn scaled(&self, load: u128, length: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a picture has less than a thousand points"
        )]
        let part = load.min(self.most) as f64 / self.most as f64;
        part * length
    }

    fn class(bar: &Bar) -> &'static str {
        match bar.band {
            Some(band) if !band.contains(bar.after) => "out",
            Some(_) | None => "after",
        }
    }

    /// A row for each node.
    fn rows(&self, body: &mut String, top: f64) -> f64 {
        const NAME: f64 = 150.0;
        const AMOUNT: f64 = 150.0;
        let (left, length) = (MARGIN + NAME, WIDTH - 2.0 * MARGIN - NAME - AMOUNT);
        let mut y = top;
        for bar in self.bars {
            let before = self.scaled(bar.before, length);
            let after = self.scaled(bar.after, length);
            body.push_str(&rect("before", left, y + 3.0, before, 8.0));
            body.push_str(&rect(Self::class(bar), left, y + 13.0, after, 10.0));
            if let Some(band) = bar.band {
                let from = self.scaled(band.least, length);
                let wide = (self.scaled(band.most, length) - from).max(1.5);
                body.push_str(&rect("range", left + from, y, wide, ROW - 4.0));
            }
            let end = left - 8.0;
            body.push_str(&format!(
                "<text x=\"{end:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n\
                 <text class=\"amount\" x=\"{:.1}\" y=\"{:.1}\">{} \u{2192} {}</text>\n",
                y + 17.0,
                escaped(&shortened(&bar.name)),
                left + length + 8.0,
                y + 17.0,
                amount(bar.before, self.resource),
                amount(bar.after, self.resource)
            ));
            y += ROW;
        }
        let (x, end) = (left, y - 2.0);
        body.push_str(&format!(
            "<line class=\"axis\" x1=\"{x}\" y1=\"{top}\" x2=\"{x}\" y2=\"{end}\"/>\n"
        ));
        y
    }

    /// A column for each node, by id, in one panel before and one after.
    fn panels(&self, body: &mut String, top: f64) -> f64 {
        let width = WIDTH - 2.0 * MARGIN;
        let per_column = self.bars.len().div_ceil(COLUMNS_MAX);
        let columns: Vec<&[Bar]> = self.bars.chunks(per_column).collect();
        #[expect(clippy::cast_precision_loss, reason = "at most a thousand columns")]
        let step = width / columns.len() as f64;
        let mut y = top + 20.0;
        for after in [false, true] {
            let floor = y + PANEL;
            let title = if after { "after" } else { "before" };
            let most = amount(self.most, self.resource);
            body.push_str(&format!(
                "<text x=\"{MARGIN}\" y=\"{:.1}\">{title}, by id; full height: {most}</text>\n",
                y - 6.0
            ));
            let mut x = MARGIN;
            for column in &columns {
                self.column(body, column, after, (x, floor, step));
                x += step;
            }
            body.push_str(&format!(
                "<line class=\"axis\" x1=\"{MARGIN}\" y1=\"{floor}\" x2=\"{:.1}\" y2=\"{floor}\"/>\n",
                WIDTH - MARGIN
            ));
            y = floor + 40.0;
        }
        y - 20.0
    }

    /// Of several nodes in one column, the fullest.
    fn column(
        &self,
        body: &mut String,
        of: &[Bar],
        after: bool,
        (x, floor, step): (f64, f64, f64),
    ) {
        let load = |bar: &&Bar| if after { bar.after } else { bar.before };
        let Some(bar) = of.iter().max_by_key(load) else {
            return;
        };
        let class = if after { Self::class(bar) } else { "before" };
        let high = self.scaled(load(&bar), PANEL);
        let thick = if step > 3.0 { step - 1.0 } else { step };
        body.push_str(&rect(class, x, floor - high, thick, high));
        if let Some(band) = bar.band {
            let most = self.scaled(band.most, PANEL);
            let wide = (most - self.scaled(band.least, PANEL)).max(1.5);
            body.push_str(&rect("band", x, floor - most, step, wide));
        }
    }
}

fn rect(class: &str, x: f64, y: f64, width: f64, height: f64) -> String {
    format!(
        "<rect class=\"{class}\" x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" \
         height=\"{height:.2}\"/>\n"
    )
}

/// A name that fits beside its bar.
fn shortened(name: &str) -> String {
    const LONGEST: usize = 20;
    if name.chars().count() <= LONGEST {
        return name.to_owned();
    }
    let start: String = name.chars().take(LONGEST - 1).collect();
    format!("{start}\u{2026}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
