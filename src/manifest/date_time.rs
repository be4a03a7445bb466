//! Times of day as RFC 3339 and XML Schema write them, in UTC to the millisecond.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const UTC_MILLIS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// Nanoseconds since 1970-01-01T00:00:00Z; every 64-bit count of them is a date.
pub fn utc(unix_ns: i64) -> String {
    let date = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ns));
    date.unwrap_or(OffsetDateTime::UNIX_EPOCH).format(UTC_MILLIS).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn milliseconds_are_cut_off() {
        assert_eq!(super::utc(1_767_323_045_678_999_999), "2026-01-02T03:04:05.678Z");
        assert_eq!(super::utc(-1), "1969-12-31T23:59:59.999Z");
    }
}
