use serde::Deserialize;
use serde::de::{Error as _, MapAccess};
use shardferry::NodeId;
use shardferry::planner::{Availability, NodeInput};

use super::row::{Row, Scope, needed, once};
use super::values::{PositionalSeed, Whole};

/// A node, and how many capacities it has.
pub(super) struct NodeRow {
    pub(super) node: NodeInput,
    pub(super) capacities: Option<usize>,
}

/// What the capacities of a node are, for errors.
pub(super) const CAPACITY: &str = "`capacity`, the most the node holds (0: no limit)";

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Id,
    Zone,
    State,
    Capacity,
    Weight,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Active,
    Draining,
    NoAccept,
    Down,
}

impl Row for NodeRow {
    const EXPECTED: &'static str = r#"a node, {"id": 1}"#;

    fn read<'de, A: MapAccess<'de>>(mut map: A, scope: Scope<'_>) -> Result<Self, A::Error> {
        let (mut id, mut zone, mut state) = (None, None, None);
        let (mut capacity, mut weight) = (None, None);
        while let Some(key) = map.next_key()? {
            match key {
                Key::Id => {
                    once(id.as_ref(), "id")?;
                    let value = map.next_value_seed(Whole("`id` of the node"))?;
                    scope.trace.is(value);
                    id = Some(value);
                }
                Key::Zone => {
                    once(zone.as_ref(), "zone")?;
                    zone = Some(map.next_value::<Option<String>>()?);
                }
                Key::State => {
                    once(state.as_ref(), "state")?;
                    state = Some(map.next_value::<State>()?);
                }
                Key::Capacity => {
                    once(capacity.as_ref(), "capacity")?;
                    capacity = Some(map.next_value_seed(PositionalSeed {
                        what: CAPACITY,
                        nullable: true,
                        resources: scope.resources,
                    })?);
                }
                Key::Weight => {
                    once(weight.as_ref(), "weight")?;
                    weight = Some(map.next_value_seed(Whole("`weight` of the node"))?);
                }
            }
        }
        let weight = weight.unwrap_or(1);
        if weight == 0 || weight > NodeInput::WEIGHT_MAX {
            return Err(A::Error::custom(format_args!(
                "`weight` of the node is {weight}, expected 1 to {}",
                NodeInput::WEIGHT_MAX
            )));
        }
        let node = NodeInput {
            id: NodeId(needed(id, "id")?),
            zone: zone.flatten(),
            state: match state {
                Some(State::Active) | None => Availability::Active,
                Some(State::Draining) => Availability::Draining,
                Some(State::NoAccept) => Availability::NoAccept,
                Some(State::Down) => Availability::Down,
            },
            capacity: capacity.map_or_else(Default::default, |one| one.capacity()),
            weight,
        };
        Ok(Self {
            node,
            capacities: capacity.map(|one| one.len),
        })
    }
}
