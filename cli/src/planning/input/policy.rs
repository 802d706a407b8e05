use serde::Deserialize;
use serde::de::{Error as _, MapAccess};
use shardferry::planner::{PlanError, Resources};
use shardferry::tracker::{RebalanceError, threshold_ppm};

use super::row::{Row, Scope, once};
use super::values::Optional;
use crate::planning::wish::Wish;

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Balance,
    Trigger,
    Target,
    MaxMoves,
    MaxBytes,
    MaxInFlight,
    MaxInPerNode,
    MaxOutPerNode,
    MinGainPerMib,
    ChargeBothEnds,
    MinZonesPerGroup,
}

impl Row for Wish {
    const EXPECTED: &'static str = r#"a policy, {"balance": ["bytes"], "trigger": 0.1}"#;

    fn read<'de, A: MapAccess<'de>>(mut map: A, scope: Scope<'_>) -> Result<Self, A::Error> {
        let mut wish = Self::default();
        let mut seen = Vec::new();
        while let Some(key) = map.next_key()? {
            let name = key_name(&key);
            once(seen.iter().find(|one| **one == name), name)?;
            seen.push(name);
            match key {
                Key::Balance => {
                    wish.balance = map.next_value()?;
                    if let Some(resources) = scope.resources {
                        known(&wish, resources).map_err(A::Error::custom)?;
                    }
                }
                Key::Trigger => wish.trigger = fraction(&mut map, name)?,
                Key::Target => wish.target = fraction(&mut map, name)?,
                Key::MaxMoves => wish.max_moves = number(&mut map, "`max_moves`")?,
                Key::MaxBytes => wish.max_bytes = number(&mut map, "`max_bytes`")?,
                Key::MaxInFlight => wish.max_in_flight = number(&mut map, "`max_in_flight`")?,
                Key::MaxInPerNode => {
                    wish.max_in_per_node = number(&mut map, "`max_in_per_node`")?;
                }
                Key::MaxOutPerNode => {
                    wish.max_out_per_node = number(&mut map, "`max_out_per_node`")?;
                }
                Key::MinGainPerMib => {
                    wish.min_gain_per_mib = number(&mut map, "`min_gain_per_mib`")?;
                }
                Key::ChargeBothEnds => wish.charge_both_ends = map.next_value()?,
                Key::MinZonesPerGroup => {
                    wish.min_zones_per_group = number(&mut map, "`min_zones_per_group`")?;
                }
            }
        }
        if let Some(resources) = scope.resources {
            wish.policy(resources).map_err(A::Error::custom)?;
        }
        Ok(wish)
    }
}

/// Whether every resource to balance is there. The rest of the policy is not known yet.
fn known(wish: &Wish, resources: &Resources) -> Result<(), RebalanceError> {
    let wish = Wish {
        balance: wish.balance.clone(),
        ..Wish::default()
    };
    if wish.balance.is_empty() {
        return Err(PlanError::ResourceCount {
            got: 0,
            max: Resources::MAX,
        }
        .into());
    }
    wish.policy(resources).map(drop)
}

fn fraction<'de, A: MapAccess<'de>>(map: &mut A, name: &str) -> Result<Option<f64>, A::Error> {
    let given: Option<f64> = map.next_value()?;
    if let Some(given) = given
        && threshold_ppm(given).is_err()
    {
        return Err(A::Error::custom(format_args!(
            "`{name}` is {given}, expected a fraction from 0 to 1"
        )));
    }
    Ok(given)
}

fn number<'de, A: MapAccess<'de>, T: TryFrom<u64>>(
    map: &mut A,
    what: &'static str,
) -> Result<Option<T>, A::Error> {
    let Some(given) = map.next_value_seed(Optional(what))? else {
        return Ok(None);
    };
    let fits = T::try_from(given).ok();
    fits.map(Some)
        .ok_or_else(|| A::Error::custom(format_args!("{what} is {given}, which is too many")))
}

fn key_name(key: &Key) -> &'static str {
    match key {
        Key::Balance => "balance",
        Key::Trigger => "trigger",
        Key::Target => "target",
        Key::MaxMoves => "max_moves",
        Key::MaxBytes => "max_bytes",
        Key::MaxInFlight => "max_in_flight",
        Key::MaxInPerNode => "max_in_per_node",
        Key::MaxOutPerNode => "max_out_per_node",
        Key::MinGainPerMib => "min_gain_per_mib",
        Key::ChargeBothEnds => "charge_both_ends",
        Key::MinZonesPerGroup => "min_zones_per_group",
    }
}
