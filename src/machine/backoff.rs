use crate::schema::MigrationId;
use crate::schema::v1::Settings;

/// The wait after so many failed attempts, in milliseconds: between half of
/// [`Settings::backoff_ms`] and all of it.
///
/// Where in between follows from the migration and the number, so that what failed together is not
/// tried again together, and the same procedure run again decides the same. (Equal jitter, as in M.
/// Brooker: Exponential Backoff And Jitter, AWS Architecture Blog, 2015, without its dice.)
///
/// ```
/// use shardferry::machine::backoff_ms;
/// use shardferry::schema::MigrationId;
/// use shardferry::schema::v1::Settings;
///
/// let settings = Settings::default();
/// let id: MigrationId = "018f0000-0000-7000-8000-000000000001".parse()?;
/// let wait_ms = backoff_ms(&settings, id, 3);
/// assert!((2_000..=4_000).contains(&wait_ms));
/// assert_eq!(wait_ms, backoff_ms(&settings, id, 3));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn backoff_ms(settings: &Settings, id: MigrationId, failed_attempts: u32) -> u64 {
    let whole_ms = settings.backoff_ms(failed_attempts);
    let half_ms = whole_ms / 2;
    let seed =
        id.0.as_bytes()
            .iter()
            .chain(&failed_attempts.to_le_bytes())
            .fold(FNV_OFFSET, |hash, byte| {
                (hash ^ u64::from(*byte)).wrapping_mul(FNV_PRIME)
            });
    // The low bits of this hash are its weakest.
    let spread = seed ^ (seed >> 32);
    whole_ms - spread % half_ms.saturating_add(1)
}

/// FNV-1a, 64 bits: small, and stable for ever.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn waits_are_spread_over_the_upper_half() {
        let settings = Settings {
            backoff_ms_min: 1_000,
            backoff_ms_max: 8_000,
            ..Settings::default()
        };
        for (failed, whole_ms) in [(1, 1_000), (2, 2_000), (4, 8_000), (u32::MAX, 8_000)] {
            let waits: Vec<u64> = (0..200)
                .map(|id| backoff_ms(&settings, MigrationId(Uuid::from_u128(id)), failed))
                .collect();
            let (least, most) = (waits.iter().min(), waits.iter().max());
            assert!(*least.unwrap() >= whole_ms / 2 && *most.unwrap() <= whole_ms);
            assert!(most.unwrap() - least.unwrap() > whole_ms / 3, "{failed}");
        }
    }

    #[test]
    fn the_ends_of_the_range_are_no_trouble() {
        let none = Settings {
            backoff_ms_min: 0,
            backoff_ms_max: 0,
            ..Settings::default()
        };
        let all = Settings {
            backoff_ms_min: u64::MAX,
            backoff_ms_max: u64::MAX,
            ..Settings::default()
        };
        let id = MigrationId(Uuid::from_u128(7));
        assert_eq!(backoff_ms(&none, id, 3), 0);
        assert!(backoff_ms(&all, id, 1) >= u64::MAX / 2);
    }
}
