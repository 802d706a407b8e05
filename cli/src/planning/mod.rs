//! What the planner is asked, and how its answer reads.

mod account;
mod aim;
mod document;
mod input;
mod planned;
mod svg;
mod text;
mod waves;
mod wish;

pub(crate) use account::{NodeAccount, ShardAccount};
pub(crate) use aim::Aim;
pub(crate) use document::{PlanDocument, read as read_plan};
pub(crate) use planned::{Planned, obstacles_of, violations_of};
pub(crate) use svg::svg_of;
pub(crate) use text::text_of;
pub(crate) use waves::{begin_whole, carry_out};
