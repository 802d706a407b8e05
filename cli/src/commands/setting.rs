//! One setting: what it takes, and what was given for it.

use serde_json::{Map, Value};
use shardferry::schema::codec::Record as _;
use shardferry::schema::key::SettingsKey;
use shardferry::{Settings, Verification};

use crate::exit::Exit;
use crate::failure::Failure;

/// Settings as an object.
pub(super) fn fields(settings: &Settings) -> Result<Map<String, Value>, Failure> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Ok(Map::new()),
        Err(error) => Err(Failure::new(Exit::Unexpected, error)),
    }
}

/// The settings that `fields` are.
pub(super) fn settings(fields: Map<String, Value>) -> Result<Settings, String> {
    let settings: Settings =
        serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())?;
    let valid = settings.validate(&SettingsKey::Current);
    valid.map(|()| settings).map_err(str::to_owned)
}

/// Puts `KEY=VALUE` into `fields`, if the setting takes the value.
pub(super) fn assign(fields: &mut Map<String, Value>, assignment: &str) -> Result<(), Failure> {
    let wrong = |message: String| Failure::message(Exit::Usage, message);
    let (key, given) = assignment
        .split_once('=')
        .ok_or_else(|| wrong(format!("--set {assignment}: KEY=VALUE is needed")))?;
    let roomy = Roomy::new()?;
    let value = match roomy.0.get(key) {
        None => {
            let known: Vec<&str> = roomy.0.keys().map(String::as_str).collect();
            return Err(wrong(format!("there is no setting {key}"))
                .advise(format_args!("the settings are {}", known.join(", "))));
        }
        Some(Value::String(_)) => Value::from(given),
        Some(_) => number(key, given),
    };
    if !roomy.takes(key, value.clone()) {
        return Err(wrong(format!("the setting {key} cannot be {given}"))
            .advise(format_args!("it takes {}", roomy.taken(key))));
    }
    fields.insert(key.to_owned(), value);
    Ok(())
}

fn number(key: &str, given: &str) -> Value {
    if given == "none" || given == "null" {
        return Value::Null;
    }
    let number = given.parse::<u64>().ok().or_else(|| {
        let size = given.parse::<bytesize::ByteSize>().ok();
        size.filter(|_| in_bytes(key)).map(|size| size.as_u64())
    });
    number.map_or_else(|| Value::from(given), Value::from)
}

fn in_bytes(key: &str) -> bool {
    key.contains("bytes")
}

/// Settings in which no value of one is too much for another.
struct Roomy(Map<String, Value>);

impl Roomy {
    fn new() -> Result<Self, Failure> {
        fields(&Settings {
            backoff_ms_min: 0,
            backoff_ms_max: u64::MAX,
            ..Settings::default()
        })
        .map(Self)
    }

    fn takes(&self, key: &str, value: Value) -> bool {
        let mut fields = self.0.clone();
        fields.insert(key.to_owned(), value);
        settings(fields).is_ok()
    }

    /// What the setting takes, for people.
    fn taken(&self, key: &str) -> String {
        if let Some(Value::String(_)) = self.0.get(key) {
            let all = [Verification::Optional, Verification::Required];
            let all = all.map(|one| serde_json::to_string(&one).unwrap_or_default());
            return all.join(" or ").replace('"', "`");
        }
        let least = u64::from(!self.takes(key, Value::from(0)));
        let most = if self.takes(key, Value::from(u64::MAX)) {
            u64::MAX
        } else {
            u64::from(u32::MAX)
        };
        let mut taken = format!("a whole number from {least} to {most}");
        if in_bytes(key) {
            taken.push_str(" or a size (`50MiB`)");
        }
        if self.takes(key, Value::Null) {
            taken.push_str(", or `none`");
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_takes_its_default_and_says_what_it_takes() {
        let roomy = Roomy::new().unwrap();
        for (key, value) in fields(&Settings::default()).unwrap() {
            assert!(roomy.takes(&key, value), "{key}");
            let taken = roomy.taken(&key);
            let at_least_one = taken.contains("from 1 to");
            assert_eq!(
                at_least_one,
                !roomy.takes(&key, 0.into()) && key != "verification"
            );
        }
        assert_eq!(
            roomy.taken("in_flight_max"),
            "a whole number from 1 to 4294967295, or `none`"
        );
        assert_eq!(
            roomy.taken("free_bytes_min"),
            "a whole number from 0 to 18446744073709551615 or a size (`50MiB`)"
        );
        assert_eq!(roomy.taken("verification"), "`optional` or `required`");
    }
}
